package lun_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/luntest"
)

// send starts a command on LUN 0 with a task attribute.
func (r *rig) send(attr lun.Attr, cdb [16]byte, out ...byte) *call {
	r.tb.Helper()
	return r.start(r.loop, r.a, 0, attr, cdb, out)
}

func TestWhatNoUnitTakes(t *testing.T) {
	r := newRig(t)
	r.want(r.do([16]byte{0: 0xFF}), invalidOpcode, "SPC-4 4.3.4: an operation code that is not there")
	r.wantField(r.do([16]byte{0: 0x9E, 1: 0x01}), 1, "SPC-4 4.3.4: a service action that is not there")
	for _, c := range []struct {
		cdb [16]byte
		at  int
	}{
		{[16]byte{5: 4}, 5}, {[16]byte{0: 0x28, 9: 4}, 9}, {[16]byte{0: 0xA8, 11: 4}, 11}, {[16]byte{0: 0x88, 15: 4}, 15}, {[16]byte{0: 0x9E, 1: 0x10, 15: 4}, 15},
	} {
		r.wantField(r.do(c.cdb), c.at, "SAM-5 5.2: NACA, and NORMACA is zero")
	}
	r.want(r.send(lun.AttrACA, testUnitReady()).wait(), "5/4900", "SAM-5 8.9.4: there is no ACA condition")
	r.want(r.send(7, testUnitReady()).wait(), "5/4900", "a reserved task attribute")
	for _, attr := range []lun.Attr{lun.AttrUntagged, lun.AttrSimple, lun.AttrOrdered, lun.AttrHead} {
		r.want(r.send(attr, cdb10(0x28, 0, 0, 1)).wait(), good, "SPC-4 7.8.7: SIMPSUP, ORDSUP, HEADSUP")
	}
	c := &call{rig: r}
	c.task = &lun.Task{Nexus: r.a, CDB: cdb10(0x28, 0, 0, 1), LongCDB: true, Loop: r.w.Loop(0), Owner: luntest.Done(c.done)}
	r.w.On(0, func(*luntest.Loop) { c.task.Start() })
	r.want(c.wait(), invalidOpcode, "no command here has more than 16 bytes")
}

// held is a rig whose reads and writes wait in the backend until they are let go on.
func newHeldRig(t *testing.T) *rig {
	r := newRig(t, withPosted)
	r.d.hold = func(*lun.Request) bool { return true }
	return r
}

// at returns the LBAs that are in the backend, in the order they came.
func (r *rig) inBackend() (lbas []int64) {
	r.w.Run()
	for _, q := range r.d.log[len(r.d.log)-len(r.d.held):] {
		lbas = append(lbas, q.Off/512)
	}
	return lbas
}

func (r *rig) wantInBackend(because string, want ...int64) {
	r.tb.Helper()
	if got := r.inBackend(); !slices.Equal(got, want) {
		r.tb.Fatalf("in the backend are LBAs %v, want %v, because %s", got, want, because)
	}
}

// letGo completes what is held and keeps holding what comes.
func (r *rig) letGo() {
	r.d.release()
	r.d.hold = func(*lun.Request) bool { return true }
	r.w.Run()
}

// hang keeps the held requests in the backend. The function it returns lets the backend answer them after all.
func (r *rig) hang() (answer func()) {
	kept := r.d.held
	r.d.held = nil
	return func() {
		for _, f := range kept {
			f()
		}
		r.w.Run()
	}
}

func (r *rig) abort(c *call) { r.w.On(0, func(*luntest.Loop) { c.task.Abort() }) }

func (r *rig) abandon(c *call) {
	r.w.On(0, func(*luntest.Loop) { c.task.Abort(); c.task.Abandon() })
}

func read(lba uint32) [16]byte { return cdb10(0x28, 0, lba, 1) }

// SAM-5 8.9.2: an ORDERED task waits for all before it, and all after it wait for it.
func TestOrdered(t *testing.T) {
	r := newHeldRig(t)
	r.send(lun.AttrSimple, read(1))
	r.send(lun.AttrSimple, read(2))
	r.send(lun.AttrOrdered, read(3))
	r.send(lun.AttrSimple, read(4))
	r.send(lun.AttrSimple, read(5))
	r.send(lun.AttrOrdered, read(6))
	last := r.send(lun.AttrUntagged, read(7))
	r.wantInBackend("3 is ORDERED", 1, 2)
	r.letGo()
	r.wantInBackend("3 is ORDERED", 3)
	r.letGo()
	r.wantInBackend("6 is ORDERED", 4, 5)
	r.letGo()
	r.wantInBackend("6 is ORDERED", 6)
	r.letGo()
	r.wantInBackend("nothing is before it", 7)
	r.letGo()
	r.want(last.answer, good, "all have run")
}

// What reads, decides and writes runs alone, and so does what changes the ground under the others.
func TestRunsAlone(t *testing.T) {
	control := newRig(t).page(current, 0x0A, 0)
	control[2] |= 4
	for name, c := range map[string]struct {
		cdb [16]byte
		out []byte
	}{
		"COMPARE AND WRITE": {cawCDB(0, 9, 1), make([]byte, 1024)},
		"ORWRITE":           {cdb16(0x8B, 0, 9, 1), make([]byte, 512)},
		"WRITE ATOMIC":      {atomicCDB(0, 8, 0, 8), make([]byte, 4096)},
		"MODE SELECT":       {[16]byte{0: 0x15, 1: 0x10, 4: 16}, append(make([]byte, 4), control...)},
		"SANITIZE":          {sanitizeCDB(overwrite, 8), overwriteList(1, 1, 2, 3, 4)},
	} {
		r := newRig(t, withPosted, withAtomic)
		r.d.hold = func(*lun.Request) bool { return true }
		first := r.send(lun.AttrSimple, read(1))
		alone := r.start(0, r.a, 0, lun.AttrSimple, c.cdb, c.out)
		r.w.Run()
		check.That(t, len(r.d.log) == 1 && alone.ended == 0, "%s did not wait for the READ before it", name)
		r.d.release()
		r.w.Run()
		r.want(first.answer, good, name)
		r.want(alone.answer, good, name)
	}
}

// SAM-5 8.9.3: a HEAD OF QUEUE task passes those that wait, not the one that runs.
func TestHeadOfQueue(t *testing.T) {
	r := newHeldRig(t)
	r.send(lun.AttrSimple, read(1))
	r.send(lun.AttrOrdered, read(2))
	r.send(lun.AttrSimple, read(3))
	r.send(lun.AttrHead, read(4))
	r.wantInBackend("2 still waits for 1, so 4 passes it", 1, 4)
	r.letGo()
	r.wantInBackend("2 is ORDERED", 2)
	r.send(lun.AttrHead, read(5))
	r.wantInBackend("2 runs alone", 2)
	r.letGo()
	r.wantInBackend("5 and 3 waited", 5, 3)
	r.letGo()
	// Of two that must run alone, the HEAD OF QUEUE one is first.
	both := make([]byte, 1024)
	r.send(lun.AttrSimple, read(6))
	r.start(0, r.a, 0, lun.AttrSimple, cawCDB(0, 7, 1), both)
	r.start(0, r.a, 0, lun.AttrSimple, cawCDB(0, 8, 1), both)
	r.start(0, r.a, 0, lun.AttrHead, cawCDB(0, 9, 1), both)
	r.wantInBackend("they wait for 6", 6)
	r.letGo()
	r.wantInBackend("7 was next when 6 ended", 7)
	r.letGo() // its read
	r.letGo() // its write
	r.wantInBackend("9 passed 8", 9)
	r.letGo()
	r.letGo()
	r.wantInBackend("8 is the last", 8)
	r.letGo()
	r.letGo()
}

// SAM-5 7.2: a task at the gate ends at once; one in the backend when the backend answers, and nothing of it is done
// afterwards.
func TestAbort(t *testing.T) {
	r := newHeldRig(t)
	first := r.send(lun.AttrSimple, read(1))
	ordered := r.send(lun.AttrOrdered, read(2))
	second := r.send(lun.AttrOrdered, read(3))
	simple := r.send(lun.AttrSimple, read(4))
	behind := r.send(lun.AttrSimple, read(5))
	r.w.Run()

	r.abort(simple)
	check.That(t, simple.ended == 1 && simple.aborted, "a SIMPLE task that waits was not ended at once")
	r.abort(ordered) // it is next, waiting for the first to leave
	check.That(t, ordered.ended == 1, "an ORDERED task that waits was not ended at once")
	r.abort(second)
	r.wantInBackend("nothing is before 5 that it must wait for", 1, 5)
	r.abort(first)
	must.Be(t, first.ended == 0, "a task was given back while the backend has its buffer")
	r.letGo()
	if first.ended != 1 || !first.aborted || len(first.in) != 0 {
		t.Errorf("aborted in the backend: ended %d times, %d bytes", first.ended, len(first.in))
	}
	r.want(behind.answer, good, "it was not aborted")
	r.abort(behind) // after its end: of no effect
	check.That(t, r.u.Idle() && behind.ended == 1, "the unit is not idle")
}

// Between two pieces of a command of many, an abort ends it.
func TestAbortBetweenPieces(t *testing.T) {
	for name, cdb := range map[string][16]byte{"VERIFY": cdb16(0x8F, 0, 0, 1024), "WRITE SAME": cdb10(0x41, 0, 0, 1024), "ORWRITE": cdb16(0x8B, 0, 0, 1024)} {
		r := newHeldRig(t)
		c := r.start(0, r.a, 0, lun.AttrSimple, cdb, pattern(1024*512, 1))
		r.w.Run()
		r.letGo()
		n := len(r.d.log)
		r.abort(c)
		r.letGo()
		if len(r.d.log) != n || c.ended != 1 {
			t.Errorf("%s went on after its abort: %d more requests, ended %d times", name, len(r.d.log)-n, c.ended)
		}
		check.Equal(t, r.w.Loop(0).Outstanding(), 0, "%s: work buffers that were not given back:", name)
	}
}

// COMPARE AND WRITE aborted between its halves does not write.
func TestAbortCompareAndWrite(t *testing.T) {
	r := newHeldRig(t)
	c := r.start(0, r.a, 0, lun.AttrSimple, cawCDB(0, 0, 1), slices.Concat(make([]byte, 512), pattern(512, 1)))
	r.w.Run()
	r.abort(c)
	r.letGo()
	check.That(t, c.ended == 1 && r.d.kinds(lun.OpWrite) == 0, "ended %d times, %d writes", c.ended, r.d.kinds(lun.OpWrite))
}

// A backend that never answers keeps its task and buffers, not the unit.
func TestAbandon(t *testing.T) {
	r := newHeldRig(t)
	stuck := r.start(0, r.a, 0, lun.AttrSimple, cawCDB(0, 0, 1), slices.Concat(make([]byte, 512), pattern(512, 1)))
	waiting := r.send(lun.AttrSimple, read(3))
	other := r.send(lun.AttrOrdered, read(4))
	r.wantInBackend("the COMPARE AND WRITE runs alone", 0)
	r.w.On(0, func(*luntest.Loop) { stuck.task.Abort(); stuck.task.Abandon(); stuck.task.Abandon() })
	must.Be(t, stuck.ended == 0 && stuck.task.Abandoned(), "an abandoned task was given back while the backend has its buffer")
	answer := r.hang()
	r.w.Run()
	r.d.release()
	r.want(waiting.wait(), good, "nobody waits for what was abandoned")
	r.want(other.wait(), good, "nobody waits for what was abandoned")
	check.That(t, r.u.Idle(), "the unit is not idle")
	answer() // and now, after all, the backend answers
	check.That(t, stuck.ended == 1 && r.d.kinds(lun.OpWrite) == 0, "ended %d times, %d writes", stuck.ended, r.d.kinds(lun.OpWrite))
}

// SAM-5 5.5 and 7.2: once the function is complete the aborted task does not exist, and nothing of it may take effect. A backend
// that still has its request may write the blocks later: until it has released the request, no command reads or writes them.
func TestAbandonedWriteKeepsItsBlocks(t *testing.T) {
	late := func(t *testing.T) (*rig, func()) {
		r := newHeldRig(t)
		old := r.send(lun.AttrSimple, cdb10(0x2A, 0, 4, 4), pattern(4*512, 1)...)
		r.wantInBackend("a write of LBA 4 to 7", 4)
		answer := r.hang()
		r.abandon(old)
		return r, func() {
			answer()
			check.That(t, old.ended == 1, "the abandoned task ended %d times", old.ended)
		}
	}
	commands := []struct {
		name  string
		cdb   [16]byte
		out   []byte
		waits bool
	}{
		{"READ of its last block", read(7), nil, true},
		{"READ before it", cdb10(0x28, 0, 2, 2), nil, false},
		{"READ behind it", read(8), nil, false},
		{"READ into it", cdb10(0x28, 0, 3, 2), nil, true},
		{"WRITE over all of it", cdb10(0x2A, 0, 0, 16), pattern(16*512, 2), true},
		{"WRITE beside it", cdb10(0x2A, 0, 8, 1), pattern(512, 2), false},
		{"VERIFY of it", cdb10(0x2F, 0, 5, 1), nil, true},
		{"WRITE SAME to the end", cdb10(0x41, 0, 3, 0), pattern(512, 2), true},
		{"COMPARE AND WRITE in it", cawCDB(0, 5, 1), slices.Concat(pattern(4*512, 1)[512:1024], pattern(512, 2)), true},
		{"COMPARE AND WRITE beside it", cawCDB(0, 9, 1), slices.Concat(make([]byte, 512), pattern(512, 2)), false},
		{"TEST UNIT READY", testUnitReady(), nil, false},
		{"READ beyond the medium", cdb10(0x28, 0, 1<<30, 1), nil, false},
	}
	for _, attr := range []lun.Attr{lun.AttrSimple, lun.AttrHead, lun.AttrOrdered} {
		for _, c := range commands {
			t.Run(fmt.Sprintf("%s, attribute %d", c.name, attr), func(t *testing.T) {
				r, land := late(t)
				r.d.hold = nil
				n := len(r.d.log)
				got := r.send(attr, c.cdb, c.out...)
				r.w.Run()
				if waits := got.ended == 0 && len(r.d.log) == n; waits != c.waits {
					t.Fatalf("waits for the backend to let go: %v, want %v", waits, c.waits)
				}
				past := r.send(lun.AttrSimple, read(20))
				r.w.Run()
				if done, want := past.ended == 1, !c.waits || attr != lun.AttrOrdered; done != want {
					t.Errorf("a command for other blocks that came later ended: %v, want %v (SAM-5 8.9.2)", done, want)
				}
				land()
				r.w.Run()
				must.Be(t, got.ended == 1 && past.ended == 1, "ended %d and %d times after the backend has let go", got.ended, past.ended)
				if c.waits && c.cdb[0] == 0x28 && !bytes.Equal(got.task.In[len(got.task.In)-512:], r.d.block(int(c.cdb[5])+len(got.task.In)/512-1, 1)) {
					t.Error("what was read is not what the late write left")
				}
				check.That(t, r.u.Idle(), "the unit is not idle")
			})
		}
	}
	t.Run("those that wait can be aborted", func(t *testing.T) {
		r, land := late(t)
		for _, c := range []*call{r.send(lun.AttrSimple, read(5)), r.send(lun.AttrSimple, cawCDB(0, 5, 1), make([]byte, 1024)...)} {
			r.w.Run()
			r.abort(c)
			check.That(t, c.ended == 1, "an aborted task waits on")
		}
		land()
		check.That(t, r.u.Idle(), "the unit is not idle")
	})
	t.Run("abandoned twice", func(t *testing.T) {
		r := newHeldRig(t)
		old := r.send(lun.AttrSimple, cdb10(0x2A, 0, 4, 4), make([]byte, 4*512)...)
		r.w.Run()
		r.w.On(0, func(*luntest.Loop) { old.task.Abort(); old.task.Abandon(); old.task.Abandon() })
		r.letGo()
		check.That(t, r.u.Idle(), "the unit is not idle")
	})
	t.Run("two late writes are let go of one by one", func(t *testing.T) {
		r := newHeldRig(t)
		var late [2]*call
		for k := range late {
			late[k] = r.send(lun.AttrSimple, cdb10(0x2A, 0, uint32(4+4*k), 4), pattern(4*512, byte(k))...)
		}
		r.w.Run()
		kept := r.d.held
		r.d.held, r.d.hold = nil, nil
		r.w.On(0, func(*luntest.Loop) {
			for _, c := range late {
				c.task.Abort()
				c.task.Abandon()
			}
		})
		first, second := r.send(lun.AttrSimple, read(5)), r.send(lun.AttrSimple, read(9))
		for k, want := range []int{0, 1} {
			kept[k]()
			r.w.Run()
			must.Be(t, first.ended == 1 && second.ended == want, "after late write %d: ended %d and %d times", k, first.ended, second.ended)
		}
		check.That(t, r.u.Idle(), "the unit is not idle")
	})
	t.Run("those in line behind one that runs alone", func(t *testing.T) {
		r := newHeldRig(t)
		old := r.send(lun.AttrSimple, cdb10(0x2A, 0, 4, 4), pattern(4*512, 1)...)
		r.w.Run()
		alone := r.send(lun.AttrOrdered, read(9))
		in, out := r.send(lun.AttrSimple, read(5)), r.send(lun.AttrSimple, read(6+4))
		answer := r.hang()
		r.d.hold = nil
		r.abandon(old)
		r.w.Run()
		if alone.ended != 1 || in.ended != 0 || out.ended != 1 {
			t.Errorf("ended: %d %d %d, want only the one for the late write's blocks to wait", alone.ended, in.ended, out.ended)
		}
		answer()
		check.That(t, in.ended == 1 && r.u.Idle(), "it waits on, or the unit is not idle")
	})
}

// SAM-5 8.9.2: an ORDERED task waits for every older task, also for one that waits for the backend to release a late write.
func TestOrderedWaitsForThoseBehindALateWrite(t *testing.T) {
	block, both := pattern(512, 2), make([]byte, 1024)
	for _, c := range []struct {
		name  string
		older [16]byte
		out   []byte
	}{
		{"WRITE", cdb10(0x2A, 0, 5, 1), block},
		{"COMPARE AND WRITE", cawCDB(0, 5, 1), both},
	} {
		for _, held := range []bool{false, true} { // whether a task runs alone when the backend releases the write
			t.Run(fmt.Sprintf("%s, held %v", c.name, held), func(t *testing.T) {
				r := newHeldRig(t)
				old := r.send(lun.AttrSimple, cdb10(0x2A, 0, 4, 4), make([]byte, 4*512)...)
				r.w.Run()
				answer := r.hang()
				r.abandon(old)
				older := r.send(lun.AttrSimple, c.older, c.out...)
				second := r.send(lun.AttrSimple, c.older, c.out...)
				var alone *call
				if held {
					alone = r.send(lun.AttrSimple, cawCDB(0, 20, 1), both...)
				}
				ordered := r.send(lun.AttrOrdered, read(9))
				younger := r.send(lun.AttrSimple, read(10))
				r.w.Run()
				must.Be(t, older.ended+ordered.ended+younger.ended == 0, "something ended while the backend holds every request")
				for _, q := range r.d.log {
					if lba := q.Off / 512; lba == 9 || lba == 10 {
						t.Fatalf("LBA %d is read before the older command", lba)
					}
				}
				answer()
				for range 8 {
					r.w.Run()
					if n := older.ended + second.ended; n < 2 && (ordered.ended != 0 || slices.ContainsFunc(r.d.log, func(q lun.Request) bool { return q.Off == 9*512 })) {
						t.Fatalf("the ORDERED command runs when %d of the two older ones have ended", n)
					}
					if ordered.ended == 0 && slices.ContainsFunc(r.d.log, func(q lun.Request) bool { return q.Off == 10*512 }) {
						t.Fatal("a younger command passed the ORDERED one")
					}
					r.letGo()
				}
				for _, w := range []*call{older, second, ordered, younger} {
					check.That(t, w.ended == 1, "a command waits on")
				}
				check.That(t, alone == nil || alone.ended == 1, "the one that ran alone waits on")
				check.That(t, r.u.Idle(), "the unit is not idle")
			})
		}
	}
	t.Run("the older one is aborted", func(t *testing.T) {
		r := newHeldRig(t)
		old := r.send(lun.AttrSimple, cdb10(0x2A, 0, 4, 4), make([]byte, 4*512)...)
		r.w.Run()
		answer := r.hang()
		r.d.hold = nil
		r.abandon(old)
		older, ordered := r.send(lun.AttrSimple, read(5)), r.send(lun.AttrOrdered, read(9))
		r.w.Run()
		r.abort(older)
		r.w.Run()
		check.That(t, ordered.ended == 1, "the ORDERED command waits for one that was aborted")
		answer()
	})
}

// A command that must run alone closes the gate while it waits for a write. When that write is abandoned, the command waits for
// the backend beside the gate, like one that arrives later, and the others proceed.
func TestThoseBehindALateWriteKeepNobodyOut(t *testing.T) {
	r := newHeldRig(t)
	old := r.send(lun.AttrSimple, cdb10(0x2A, 0, 4, 4), make([]byte, 4*512)...)
	r.w.Run()
	answer := r.hang()
	r.d.hold = nil
	caw := r.send(lun.AttrSimple, cawCDB(0, 5, 1), make([]byte, 1024)...)
	other := r.send(lun.AttrSimple, read(20))
	r.w.Run()
	must.Be(t, caw.ended+other.ended == 0, "the gate is open while COMPARE AND WRITE waits for a write")
	r.abandon(old)
	r.w.Run()
	if caw.ended != 0 || other.ended != 1 {
		t.Errorf("COMPARE AND WRITE ended %d times, a read of other blocks %d times; want 0 and 1", caw.ended, other.ended)
	}
	answer()
	check.That(t, caw.ended == 1 && r.u.Idle(), "COMPARE AND WRITE waits on, or the unit is not idle")
}

// A read or a flush that the backend keeps changes nothing, so no command waits for it.
func TestAbandonedReadKeepsNothing(t *testing.T) {
	r := newHeldRig(t)
	old := r.send(lun.AttrSimple, read(4))
	r.w.Run()
	r.abandon(old)
	r.d.hold = nil
	r.want(r.send(lun.AttrSimple, cdb10(0x2A, 0, 4, 1), pattern(512, 1)...).wait(), good, "the abandoned task only reads")
}

// Between the moment the gate lets a task in and the moment its loop learns of it, it can be aborted and abandoned.
func TestAbortWhenGranted(t *testing.T) {
	for _, attr := range []lun.Attr{lun.AttrSimple, lun.AttrOrdered} {
		for _, abandon := range []bool{false, true} {
			r := newHeldRig(t)
			r.send(lun.AttrOrdered, read(1))
			c := r.send(attr, read(2))
			r.w.Run()
			n := len(r.d.log)
			r.d.release()
			// One event at a time, until the first task has ended and the second's turn is posted.
			for r.u.Idle() == false && len(r.d.log) == n && r.w.Step() {
				if r.w.Idle() {
					break
				}
				r.w.On(0, func(*luntest.Loop) {
					if abandon {
						c.task.Abandon()
					} else {
						c.task.Abort()
					}
				})
			}
			r.w.Run()
			if c.ended != 1 || !r.u.Idle() || len(r.d.log) != n {
				t.Errorf("attribute %d, abandon %v: ended %d times, idle %v, %d requests", attr, abandon, c.ended, r.u.Idle(), len(r.d.log)-n)
			}
		}
	}
}

// A task that waited is checked again: what held when it came may not hold when it runs.
func TestCheckedAgainAfterTheGate(t *testing.T) {
	r := newRig(t, withRemovable, withPosted)
	r.d.hold = func(q *lun.Request) bool { return q.Kind == lun.OpRead }
	r.send(lun.AttrSimple, read(1))
	ordered := r.send(lun.AttrOrdered, cdb10(0x2A, 0, 0, 1), pattern(512, 1)...)
	r.w.Run()
	r.want(r.start(0, r.b, 0, lun.AttrHead, startStopCDB(0, eject), nil).wait(), good, "the medium is ejected meanwhile")
	r.d.release()
	r.want(ordered.wait(), noMedium, "there is no medium to write to")
}

// The gate under every order of things that a seed can think of: commands of all attributes on several loops, delays,
// aborts and abandonments. Exclusive tasks run alone, ORDERED tasks run in order, no command runs on blocks of an earlier
// abandoned write that the backend still has, and every command ends exactly once.
func TestGateOrders(t *testing.T) {
	luntest.Seeds(t, 100, func(t *testing.T, seed uint64) {
		const loops = 3
		r := newRigIn(t, luntest.Config{Loops: loops, Seed: seed}, withPosted, withBlocks(4096))
		rng := r.w.Rand()
		type sent struct {
			*call
			attr    lun.Attr
			alone   bool
			blocks  int  // from the LBA that equals its number
			lost    bool // abandoned
			lostAt  int  // the number of commands sent by then
			running bool
			writing bool
		}
		var all []*sent
		// A command is told by its LBA. Its first request enters, its end leaves.
		r.d.hold = func(q *lun.Request) bool {
			i := int(q.Off / 512)
			s := all[i]
			s.writing = s.writing || q.Kind == lun.OpWrite
			if !s.running {
				s.running = true
				for j, o := range all {
					if o.lost && o.writing && o.ended == 0 && i >= o.lostAt && i < j+o.blocks && j < i+s.blocks {
						t.Fatalf("command %d runs on blocks that the abandoned write %d may still change", i, j)
					}
					if j == i || o.lost {
						continue
					}
					on := o.running && o.ended == 0
					if on && (s.alone || o.alone) {
						t.Fatalf("command %d runs beside %d, and one of them must be alone", i, j)
					}
					must.Be(t, s.attr != lun.AttrOrdered || j >= i || o.ended != 0, "ORDERED command %d runs before %d has ended", i, j)
					if o.attr == lun.AttrOrdered && j < i && o.ended == 0 && s.attr != lun.AttrHead {
						t.Fatalf("command %d runs before the ORDERED %d has ended", i, j)
					}
				}
			}
			return rng.IntN(3) > 0
		}
		for len(all) < 60 || len(r.d.held) > 0 {
			switch k := rng.IntN(10); {
			case k < 4 && len(all) < 60:
				s := &sent{attr: lun.Attr(rng.IntN(4)), alone: rng.IntN(4) == 0, blocks: 1}
				lba, loop := len(all), rng.IntN(loops)
				all = append(all, s)
				cdb, out := read(uint32(lba)), []byte(nil)
				switch {
				case s.alone:
					cdb, out = cawCDB(0, uint64(lba), 1), make([]byte, 1024)
				case rng.IntN(2) == 0:
					s.blocks = 4
					cdb, out = cdb10(0x2A, 0, uint32(lba), 4), make([]byte, 4*512)
				}
				s.alone = s.alone || s.attr == lun.AttrOrdered
				s.call = &call{rig: r} // until start returns
				s.call = r.start(loop, r.a, 0, s.attr, cdb, out)
			case k < 7:
				r.w.Step()
			case k < 8 && len(r.d.held) > 0:
				i := rng.IntN(len(r.d.held))
				f := r.d.held[i]
				r.d.held = slices.Delete(r.d.held, i, i+1)
				f()
			case k == 8 && len(all) > 0:
				s := all[rng.IntN(len(all))]
				r.w.On(s.task.Loop.Index(), func(*luntest.Loop) { s.task.Abort() })
			case k == 9 && len(all) > 0 && rng.IntN(3) == 0:
				s := all[rng.IntN(len(all))]
				if !s.lost && s.ended == 0 {
					s.lost, s.lostAt = true, len(all)
				}
				r.w.On(s.task.Loop.Index(), func(*luntest.Loop) { s.task.Abandon() })
			}
		}
		r.d.hold = nil
		r.w.Run()
		for i, s := range all {
			check.That(t, s.ended == 1, "command %d (attribute %d) ended %d times", i, s.attr, s.ended)
		}
		check.That(t, r.u.Idle(), "the unit is not idle")
	})
}

func TestSendDiagnostic(t *testing.T) {
	r := newRig(t, withRemovable)
	r.want(r.do([16]byte{0: 0x1D, 1: 4}), good, "SPC-4 6.42: the default self-test")
	r.want(r.do([16]byte{0: 0x1D, 1: 0x10}), good, "no diagnostic page is sent")
	r.wantField(r.do([16]byte{0: 0x1D, 1: 0x20}), 1, "there are no other self-tests")
	r.wantField(r.do([16]byte{0: 0x1D, 1: 0x10, 4: 8}, make([]byte, 8)...), 3, "there are no diagnostic pages")
}
