package engine

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/internal/rawclient"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/backend"
	"github.com/ringtgt/ringtgt/session"
)

// Sense keys with additional sense codes.
const (
	noUnitThere = 0x5_2500 // ILLEGAL REQUEST, LOGICAL UNIT NOT SUPPORTED
	lunsChanged = 0x6_3F0E // UNIT ATTENTION, REPORTED LUNS DATA HAS CHANGED
)

// wantSense reads to the end of a command that must fail with that sense.
func (i *initiator) wantSense(itt uint32, want int, because string) {
	i.t.Helper()
	i.wantStatus(itt, 2, because)
	got := i.sense()
	must.Be(i.t, got == want, "sense %05X, want %05X, because %s", got, want, because)
}

// sense returns the sense key and additional sense code of the answer that was read last.
func (i *initiator) sense() int {
	i.t.Helper()
	must.Be(i.t, len(i.Data) >= 2+14, "no sense data")
	s := i.Data[2:]
	return int(s[2]&0xF)<<16 | int(binary.BigEndian.Uint16(s[12:]))
}

// unit is the target's unit l, nil if there is none.
func (r *rig) unit(l int) *lun.Unit {
	for _, u := range r.target.Units() {
		if u.LUN() == l {
			return u
		}
	}
	return nil
}

// remove runs RemoveUnit; the channel gets its result.
func (r *rig) remove(ctx context.Context, u *lun.Unit, force bool) <-chan error {
	done := make(chan error, 1)
	go func() { done <- r.e.RemoveUnit(ctx, u, force) }()
	waitFor(r.t, "the unit to be hidden", u.Removed)
	return done
}

func file(t testing.TB, path string) lun.Backend {
	t.Helper()
	return must.Get(backend.Open(backend.Spec{Kind: backend.KindFile, Path: path, Size: 1 << 20}))(t)
}

// After a removal no loop holds the file: its lock is free for another process as soon as the caller has closed the backend, and its
// descriptor's number can be another file's.
func TestFilesOfARemovedUnitAreFree(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	r := newRig(t, 2, memory(t, 1<<20), file(t, path("kept")))
	var sessions []*initiator
	for k := range 6 { // on both loops
		sessions = append(sessions, r.login(byte(k)))
	}
	for round := range 2 * maxFixedFiles / 3 { // a slot for each round, if none were reused
		u := must.Get(r.target.AddUnit(2, lun.UnitConfig{Backend: file(t, path("disk")), ID: "disk"}))(t)
		for k, i := range sessions[:1+round%len(sessions)] {
			i.clearAttention(1)
			i.clearAttention(2)
			want := fill(512, uint64(round))
			i.good(i.startWrite(2, uint32(k), want))
			i.wantData(i.startRead(2, uint32(k), 1), want)
			i.good(i.startWrite(1, uint32(k), want))
		}
		must.OK(t, r.e.RemoveUnit(t.Context(), u, round%2 == 0))
		must.OK(t, u.Backend().Close())
		if round%20 == 0 {
			if out, err := exec.Command("flock", "--exclusive", "--nonblock", path("disk"), "true").CombinedOutput(); err != nil {
				t.Fatalf("another process cannot lock the file: %v: %s", err, out)
			}
		}
	}
	r.e.each(func(l *loop) {
		for fd, slot := range l.files.byFD {
			check.That(t, slot == 0 || !slices.Contains(l.files.free, slot-1), "loop %d: slot %d is free, and descriptor %d has it", l.index, slot-1, fd)
		}
		for i := range l.files.slots {
			if s := &l.files.slots[i]; s.owner != nil && s.owner != r.unit(1).Backend().(lun.OnQueue).QueueOp() {
				t.Errorf("loop %d: slot %d still has a removed unit's file", l.index, i)
			}
		}
		check.That(t, len(l.files.slots) <= 2, "%d slots for two files at a time", len(l.files.slots))
	})
}

// A unit drains: what has begun ends as always, what comes is refused, and the other units have their attention at once.
func TestRemovedUnitDrains(t *testing.T) {
	f := holding(memory(t, 1<<20))
	r := newRig(t, 2, memory(t, 1<<20), f)
	i, j := r.login(1), r.login(2)
	i.good(i.startWrite(1, 8, fill(512, 3)))
	u := r.unit(1)
	begun := i.startRead(1, 0, 9)
	waitFor(t, "the read to reach the backend", func() bool { return f.Held() == 1 })
	removed := r.remove(t.Context(), u, false)
	j.wantSense(j.startRead(1, 8, 1), noUnitThere, "it came after the removal")
	j.wantSense(j.startRead(0, 0, 1), lunsChanged, "SPC-4 6.33")
	j.good(j.startRead(0, 0, 1))
	select {
	case err := <-removed:
		t.Fatalf("removed while a command is in the backend: %v", err)
	default:
	}
	f.Release(-1)
	st, got := i.finish(begun)
	check.That(t, st == 0 && bytes.Equal(got[8*512:], fill(512, 3)), "status %#x, data as written: %v", st, bytes.Equal(got[8*512:], fill(512, 3)))
	must.OK(t, <-removed)
	check.That(t, errors.Is(r.e.RemoveUnit(t.Context(), u, false), ErrNoUnit), "it was removed twice")
	must.OK(t, u.Backend().Close())
}

// A write that was sent before the removal and still lacks its data neither holds the removal up nor reaches the next unit.
func TestWriteWithoutItsDataMeetsTheNextUnit(t *testing.T) {
	r := newRig(t, 1, memory(t, 1<<20), memory(t, 1<<20))
	i := r.login(1, "InitialR2T", "Yes", "ImmediateData", "No")
	itt := i.start(1, rawclient.RW10(true, 0, 8), 4096, true, nil)
	i.read() // the R2T
	ttt := binary.BigEndian.Uint32(i.Header[20:])
	must.OK(t, r.e.RemoveUnit(t.Context(), r.unit(1), false))
	next := memory(t, 1<<20)
	must.Get(r.target.AddUnit(1, lun.UnitConfig{Backend: next, ID: "next"}))(t)
	i.send(i.DataOut(1, itt, ttt, 0, 0, true), fill(4096, 1))
	i.wantSense(itt, noUnitThere, "its unit was removed")
	check.That(t, bytes.Count(next.(lun.Mapped).Bytes(0, 4096), []byte{0}) == 4096, "the next unit was written")
}

// A backend that does not answer: the commands are answered, those behind them at the gate too, and the backend is released later.
func TestRemovedUnitWhoseBackendHangs(t *testing.T) {
	for _, how := range []string{"deadline", "force"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel() // each waits for abortGrace
			f := holding(memory(t, 1<<20))
			r := newRigWith(t, Config{Cores: make([]int, 2)}, quietNode, memory(t, 1<<20), f)
			i, j, gone := r.login(1), r.login(2), r.login(3)
			u := r.unit(1)
			read := i.startRead(1, 0, 8)
			gone.startRead(1, 0, 8)
			waitFor(t, "the reads to reach the backend", func() bool { return f.Held() == 2 })
			gone.Close() // nobody waits for this one, but the backend has it
			write := j.startWrite(1, 0, fill(4096, 1))
			waitFor(t, "the write to reach the backend", func() bool { return f.Held() == 3 })
			// COMPARE AND WRITE waits at the gate for all of them.
			caw := j.start(1, []byte{0x89, 13: 1, 15: 0}, 1024, true, make([]byte, 1024))
			waitFor(t, "all to be in the device server", func() bool { return tasks(r) == 4 })
			waitFor(t, "the third session's command to be an orphan", func() bool { return orphans(r) == 1 })
			err := <-r.remove(atMost(t, 200*time.Millisecond), u, how == "force")
			var busy *UnitBusy
			must.Be(t, errors.As(err, &busy) && busy.Unit == u && busy.Commands == 3, "RemoveUnit returned %v", err)
			check.That(t, errors.Is(err, context.DeadlineExceeded), "%v", err)
			i.wantSense(read, noUnitThere, "it was aborted")
			j.wantSense(write, noUnitThere, "it was aborted")
			j.wantSense(caw, noUnitThere, "it was at the gate")
			i.clearAttention(0)
			for k := range 20 { // the memory of the commands must not be used for others
				i.good(i.startWrite(0, uint32(k*8), fill(4096, uint64(k))))
			}
			memory := 0
			for _, l := range r.e.Status().Loops {
				memory += l.ArenaInUse
			}
			check.Equal(t, memory, 3*4096, "memory of the commands in the backend:")
			select {
			case <-busy.Released:
				t.Fatal("released while the backend has requests")
			default:
			}
			f.Release(-1)
			<-busy.Released
			must.OK(t, f.Close())
			for k := range 20 {
				i.wantData(i.startRead(0, uint32(k*8), 8), fill(4096, uint64(k)))
			}
			waitFor(t, "tasks and buffers to come back", r.quiet(2))
		})
	}
}

// orphans counts the commands that only the device server has.
func orphans(r *rig) (n int) {
	for _, l := range r.e.loops {
		r.e.on(l, func() {
			for t := l.orphans; t != nil; t = t.next {
				n++
			}
		})
	}
	return n
}

func tasks(r *rig) (n int) {
	for _, l := range r.e.Status().Loops {
		n += l.Tasks
	}
	return n
}

// With force, commands in a backend that answers end at once, too: not with GOOD, as the caller may have decided what their blocks hold.
func TestForcedRemoval(t *testing.T) {
	f := holding(memory(t, 1<<20))
	r := newRig(t, 1, memory(t, 1<<20), f)
	i := r.login(1)
	itt := i.startRead(1, 0, 8)
	waitFor(t, "the read to reach the backend", func() bool { return f.Held() == 1 })
	removed := r.remove(t.Context(), r.unit(1), true)
	i.wantSense(itt, noUnitThere, "it was aborted")
	f.Release(-1)
	must.OK(t, <-removed)
	waitFor(t, "tasks and buffers to come back", r.quiet(1))
}

// The blocks of a unit in memory are sent from where they are: they stay until an initiator that reads slowly has them.
func TestMemoryOfARemovedUnitStaysUntilSent(t *testing.T) {
	r := newRigWith(t, Config{Cores: make([]int, 1)}, quietNode, memory(t, 1<<20), memory(t, 8<<20))
	i := r.login(1)
	const n = 1 << 20
	for k := range 8 {
		i.good(i.startWrite(1, uint32(k*256), fill(128<<10, uint64(k))))
	}
	var reads []uint32
	for range 8 {
		reads = append(reads, i.startRead(1, 0, n/512)) // 8 MiB: more than the sockets take
	}
	waitFor(t, "the answers to be on their way", func() bool {
		s := r.e.Status().Loops[0]
		return s.Tasks > 0 && s.Stats.Commands >= 16
	})
	u := r.unit(1)
	removed := r.remove(t.Context(), u, false)
	check.That(t, r.sends(u), "its blocks wait to be sent, and the loop does not know")
	select {
	case err := <-removed:
		t.Fatalf("removed before its blocks were sent: %v", err)
	default:
	}
	for _, itt := range reads {
		st, got := i.finish(itt)
		must.Be(t, st == 0 && len(got) == n, "status %#x, %d bytes", st, len(got))
		for k := range 8 {
			must.Be(t, bytes.Equal(got[k*128<<10:(k+1)*128<<10], fill(128<<10, uint64(k))), "block %d is not what was written", k)
		}
	}
	must.OK(t, <-removed)
	must.OK(t, u.Backend().Close())
}

// sends asks the loop whether it has data of the unit to send.
func (r *rig) sends(u *lun.Unit) (found bool) {
	r.e.on(r.e.loops[0], func() { found = r.e.loops[0].sends(u, u.Backend().(lun.Mapped).Memory()) })
	return found
}

// So does one whose task has ended, because all its PDUs are in a batch.
func TestMemoryOfARemovedUnitStaysForItsBatch(t *testing.T) {
	r := newRigWith(t, Config{Cores: make([]int, 1)}, quietNode, memory(t, 1<<20), memory(t, 8<<20))
	i := r.login(1)
	want := fill(128<<10, 1)
	i.good(i.startWrite(1, 0, want))
	const n = 3 << 20 // more than the sockets take, less than a batch
	itt := i.startRead(1, 0, n/512)
	waitFor(t, "its answer to be staged", func() bool { return r.sends(r.unit(1)) && tasks(r) == 0 })
	u := r.unit(1)
	removed := r.remove(t.Context(), u, false)
	check.That(t, r.sends(u), "its blocks are with the kernel, and the loop does not know")
	st, got := i.finish(itt)
	must.Be(t, st == 0 && len(got) == n && bytes.Equal(got[:len(want)], want), "status %#x, %d bytes", st, len(got))
	must.OK(t, <-removed)
	must.OK(t, u.Backend().Close())
}

// An answer whose data is not in a batch yet, because that is full of another unit's, counts too.
func TestMemoryOfARemovedUnitStaysForALateBatch(t *testing.T) {
	r := newRigWith(t, Config{Cores: make([]int, 1)}, quietNode, memory(t, 8<<20), memory(t, 1<<20))
	i := r.login(1)
	want := fill(4096, 1)
	i.good(i.startWrite(1, 0, want))
	const n = 4 << 20
	before := r.e.Status().Loops[0].Stats.Commands
	var first []uint32
	for range 6 { // 24 MiB: more than the sockets take
		first = append(first, i.startRead(0, 0, n/512))
	}
	last := i.startRead(1, 0, 8)
	waitFor(t, "the commands to be executed", func() bool { return r.e.Status().Loops[0].Stats.Commands == before+7 })
	u := r.unit(1)
	removed := r.remove(t.Context(), u, false)
	check.That(t, r.sends(u), "its blocks wait to be sent, and the loop does not know")
	for _, itt := range first {
		st, got := i.finish(itt)
		must.Be(t, st == 0 && len(got) == n, "status %#x, %d bytes", st, len(got))
	}
	i.wantData(last, want)
	must.OK(t, <-removed)
	must.OK(t, u.Backend().Close())
}

// The heap's limit follows the units.
func TestMemoryBoundFollowsUnits(t *testing.T) {
	old := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(old)
	r := newRigWith(t, Config{Cores: make([]int, 1), LimitHeap: true}, session.NodeConfig{}, memory(t, 1<<20))
	limit := func() int64 { return debug.SetMemoryLimit(-1) }
	waitFor(t, "the first limit", func() bool { return limit() != old })
	waitFor(t, "the limit of the first connections", func() bool { return limit() == int64(r.e.heapLimit(int(r.e.conns.Load()))) })
	before := limit()
	bound, _ := r.e.Bound()
	var units []*lun.Unit
	for k := range 10 {
		units = append(units, must.Get(r.target.AddUnit(1+k, lun.UnitConfig{Backend: memory(t, 1<<20)}))(t))
	}
	check.That(t, limit() >= before+10*unitBytes, "the limit is %d with 10 more units, was %d", limit(), before)
	now, _ := r.e.Bound()
	check.That(t, now > bound, "the bound is %d with 10 more units, was %d", now, bound)
	for _, u := range units {
		must.OK(t, r.e.RemoveUnit(t.Context(), u, false))
	}
	check.Equal(t, limit(), before, "the limit without them:")
	r.e.SetDevices()
	check.That(t, limit() < before, "the limit without the target is %d, was %d", limit(), before)
}
