package lun_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/luntest"
)

// TestCopyAndGate: a copy's writes wait for COMPARE AND WRITE on their unit, and hold nothing while they wait.
func TestCopyAndGate(t *testing.T) {
	r := newCopyRig(t, luntest.Config{}, []option{withMapped}, []option{withPosted})
	copy(r.d.data, pattern(len(r.d.data), 1))
	r.d1.hold = func(q *lun.Request) bool { return q.Kind == lun.OpRead } // the compare
	caw := [16]byte{0x89, 13: 1}
	compare := r.start(0, r.a, 1<<48, lun.AttrSimple, caw, make([]byte, 1024))
	list := copyList(1, 0, [][]byte{r.naa(0), r.naa(1)}, [][]byte{blocksSegment(0, 1, 8, 0, 0)})
	copying := r.start(0, r.a, 0, lun.AttrSimple, copyCDB(len(list)), list)
	r.w.Run()
	if compare.ended+copying.ended != 0 || r.d1.kinds(lun.OpWrite) != 0 {
		t.Fatal("the copy wrote while COMPARE AND WRITE had the unit to itself")
	}
	r.want(r.do(resultsCDB(0, 1, 12)), "GOOD", "the copy is known while it runs")
	if s := r.do(resultsCDB(0, 1, 12)).in; s[4]&0x7F != 0 {
		t.Errorf("copy status %#x, want in progress", s[4])
	}
	r.want(r.do(resultsCDB(4, 1, 12)), invalidField, "there are no failure details before the end")
	r.want(r.do(resultsCDB(1, 1, 12)), invalidField, "there is no held data before the end")
	r.want(r.xcopy(list), "5/0016", "the list identifier is in use")
	r.want(r.on(r.b, copyCDB(16), copyList(1, 0, nil, nil)...), "GOOD", "another nexus has its own list identifiers")
	r.d1.release()
	r.want(compare.wait(), "GOOD", "the blocks compared equal")
	r.want(copying.wait(), "GOOD", "the copy goes on")
	check.That(t, bytes.Equal(r.d1.block(0, 8), r.d.block(0, 8)), "the blocks were not copied")
}

// TestCopyOrdered: ORDERED copies crosswise between two units do not wait for each other for ever, and one within its
// unit has it to itself.
func TestCopyOrdered(t *testing.T) {
	r := newCopyRig(t, luntest.Config{Loops: 2, Seed: 1, MaxDelay: 1000}, []option{withPosted}, []option{withPosted})
	cscds := [][]byte{r.naa(0), r.naa(1)}
	there := copyList(1, 0, cscds, [][]byte{blocksSegment(0, 1, 512, 0, 0), blocksSegment(0, 0, 8, 0, 512)})
	back := copyList(2, 0, cscds, [][]byte{blocksSegment(1, 0, 512, 0, 0), blocksSegment(1, 1, 8, 0, 512)})
	a := r.start(0, r.a, 0, lun.AttrOrdered, copyCDB(len(there)), there)
	b := r.start(1, r.a, 1<<48, lun.AttrOrdered, copyCDB(len(back)), back)
	r.want(a.wait(), "GOOD", "nothing keeps it from ending")
	r.want(b.wait(), "GOOD", "nothing keeps it from ending")

	within := copyList(1, 0, cscds[:1], [][]byte{blocksSegment(0, 0, 8, 0, 64)})
	r.d.hold = func(q *lun.Request) bool { return q.Kind == lun.OpWrite }
	a = r.start(0, r.a, 0, lun.AttrOrdered, copyCDB(len(within)), within)
	read := r.start(1, r.a, 0, lun.AttrSimple, cdb10(0x28, 0, 0, 1), nil)
	r.w.Run()
	must.Be(t, a.ended+read.ended == 0, "a command passed an ORDERED copy")
	r.d.release()
	r.want(a.wait(), "GOOD", "it has the unit to itself, and may use it")
	r.want(read.wait(), "GOOD", "its turn came")
}

// TestCopyGivenUp: Abort and Abandon at every point of a copy end it once, free its buffer and its list identifier, and
// hold up no one else.
func TestCopyGivenUp(t *testing.T) {
	for _, abandon := range []bool{false, true} {
		for steps := range 40 {
			t.Run(fmt.Sprintf("abandon=%v/steps=%d", abandon, steps), func(t *testing.T) {
				r := newCopyRig(t, luntest.Config{Seed: uint64(steps), MaxDelay: 100}, []option{withPosted, withBlocks(8192)}, []option{withPosted, withBlocks(8192)})
				list := copyList(1, 0, [][]byte{r.naa(0), r.naa(1)}, [][]byte{blocksSegment(0, 1, 4096, 0, 0), blocksSegment(1, 0, 4096, 0, 0)})
				var compare *call
				if steps%3 == 0 { // another command has exclusive access to the destination
					compare = r.start(0, r.a, 1<<48, lun.AttrSimple, [16]byte{0x89, 13: 1}, make([]byte, 1024))
				}
				c := r.start(0, r.a, 0, lun.AttrSimple, copyCDB(len(list)), list)
				for range steps {
					r.w.Step()
				}
				if c.ended == 0 {
					r.w.On(0, func(*luntest.Loop) {
						if abandon {
							c.task.Abandon()
						} else {
							c.task.Abort()
						}
					})
				}
				r.w.Run()
				must.Be(t, c.ended == 1, "it ended %d times", c.ended)
				check.That(t, compare == nil || compare.ended == 1, "COMPARE AND WRITE did not end")
				check.That(t, r.w.Loop(0).Outstanding() == 0, "a buffer was not given back")
				r.want(r.xcopy(list), "GOOD", "the list identifier is free")
				for u := range uint64(2) {
					r.want(r.start(0, r.a, u<<48, lun.AttrOrdered, testUnitReady(), nil).wait(), "GOOD", "no gate is held")
				}
			})
		}
	}
}

// TestCopyAbandonedForGood: a backend that never answers keeps the copy, and nothing else.
func TestCopyAbandonedForGood(t *testing.T) {
	r := newCopyRig(t, luntest.Config{}, []option{withPosted}, []option{withPosted})
	r.d1.hold = func(q *lun.Request) bool { return q.Kind == lun.OpWrite }
	list := copyList(1, 0, [][]byte{r.naa(0), r.naa(1)}, [][]byte{blocksSegment(0, 1, 8, 0, 0)})
	c := r.start(0, r.a, 0, lun.AttrSimple, copyCDB(len(list)), list)
	r.w.Run()
	r.w.On(0, func(*luntest.Loop) { c.task.Abandon() })
	must.Be(t, c.ended == 0, "TaskDone came while the backend has the buffer")
	for u := range uint64(2) {
		r.want(r.start(0, r.a, u<<48, lun.AttrOrdered, testUnitReady(), nil).wait(), "GOOD", "no gate is held")
	}
	r.want(r.do(resultsCDB(0, 1, 12)), invalidField, "an aborted copy is forgotten")
	r.d1.release()
	r.w.Run()
	check.That(t, c.ended == 1 && c.answer.aborted, "it ended %d times, aborted %v", c.ended, c.answer.aborted)
}

// TestCopyOfRemovedUnit: a unit that was removed under way cannot be reached any more.
func TestCopyOfRemovedUnit(t *testing.T) {
	r := newCopyRig(t, luntest.Config{}, []option{withPosted, withBlocks(8192)}, []option{withPosted, withBlocks(8192)})
	list := copyList(1, 0, [][]byte{r.naa(0), r.naa(1)}, [][]byte{blocksSegment(1, 0, 8000, 0, 0)})
	c := r.start(0, r.a, 0, lun.AttrSimple, copyCDB(len(list)), list)
	for r.d1.kinds(lun.OpRead) < 2 {
		r.w.Step()
	}
	r.tg.RemoveUnit(1)
	r.want(c.wait(), "A/0D02", "the source is gone")
}

// TestCopyWithoutMemory: no buffer is BUSY, and leaves nothing behind.
func TestCopyWithoutMemory(t *testing.T) {
	r := newCopyRig(t, luntest.Config{ArenaBytes: 4096}, nil, nil)
	list := copyList(1, 0, [][]byte{r.naa(0), r.naa(1)}, [][]byte{blocksSegment(0, 1, 8, 0, 0)})
	for range 2 {
		r.want(r.xcopy(list), "status 08", "there is no memory now")
	}
}

// TestCopySharesItsLoop: a long copy in memory lets others have the loop.
func TestCopySharesItsLoop(t *testing.T) {
	r := newCopyRig(t, luntest.Config{}, []option{withMapped, withBlocks(32768)}, []option{withMapped, withBlocks(32768)})
	list := copyList(1, 0, [][]byte{r.naa(0), r.naa(1)}, [][]byte{blocksSegment(0, 1, 32768, 0, 0)})
	c := r.start(0, r.a, 0, lun.AttrSimple, copyCDB(len(list)), list)
	check.That(t, c.ended == 0, "16 MiB were copied in one turn of the loop")
	r.want(c.wait(), "GOOD", "it goes on")
}
