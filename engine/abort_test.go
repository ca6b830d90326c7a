package engine

import (
	"testing"

	"github.com/ringtgt/ringtgt/lun/backend"
	"github.com/ringtgt/ringtgt/pdu"
)

// The time that a backend has for an aborted task (abortGrace) is that task's. Its structure may be another's when the time
// is over, which was aborted later and has its own time.
func TestTimeOfAnAbortIsItsTasks(t *testing.T) {
	f := backend.NewFault(memory(t, 1<<20))
	r := newTimed(t, Config{}, f)
	i := r.login(1)
	f.Hold()
	first := i.startRead(0, 0, 8)
	waitFor(t, "the read to be there", func() bool { return f.Held() == 1 })
	abort := i.manage(pdu.TMFAbortTask, 0, first, i.cmdSN-1)
	i.ping() // the function waits for the backend
	f.Release(1)
	i.wantManaged(abort, pdu.TMFResponseComplete)

	// Two, so that one of them has the structure of the first, whichever was given back last.
	var reads, aborts [2]uint32
	for k := range reads {
		reads[k] = i.startRead(0, 0, 8)
	}
	waitFor(t, "both to be there", func() bool { return f.Held() == 2 })
	r.now.Add(int64(abortGrace) / 2)
	for k := range reads {
		aborts[k] = i.manage(pdu.TMFAbortTask, 0, reads[k], i.cmdSN-2+uint32(k))
	}
	i.ping()
	r.now.Add(int64(abortGrace)/2 + 1) // the first one's time is over
	i.ping()
	i.ping() // a response would have come before
	r.e.on(r.e.loops[0], func() {
		for task := r.e.loops[0].conns[0].tasks; task != nil; task = task.next {
			if task.l.Abandoned() {
				t.Error("a task is given up before its time")
			}
		}
	})
	r.now.Add(int64(abortGrace) / 2)
	r.e.Status() // wakes the loop
	for k := range aborts {
		i.wantManaged(aborts[k], pdu.TMFResponseComplete)
	}
	f.Release(-1)
	waitFor(t, "tasks and buffers to come back", r.quiet(1))
}
