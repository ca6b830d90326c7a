package engine

import (
	"sync"
	"testing"

	"github.com/ringtgt/ringtgt/internal/faulttest"
	"github.com/ringtgt/ringtgt/internal/rawclient"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/pdu"
	"github.com/ringtgt/ringtgt/session"
)

// More connections have input waiting than a turn has receive buffers. Those that found none are the first of the next
// turn: a connection's first PDU is not kept waiting until the others have said all they have to say.
func TestReceiveBuffersGoRound(t *testing.T) {
	r := newRigWith(t, Config{Cores: make([]int, 1)}, quietNode, memory(t, 1<<20))
	const crowd, each, first = recvBuffers + 32, 24, 6
	all := make([]*initiator, crowd)
	for k := range all {
		all[k] = r.enter(byte(k))
	}
	probe := r.login(byte(crowd))
	// While the loop is held up, everybody's socket fills.
	l, hold, held := r.e.loops[0], make(chan struct{}), make(chan struct{})
	l.Post(query(func() { close(held); <-hold }))
	<-held
	var full, sent sync.WaitGroup
	for _, i := range all {
		full.Add(1)
		sent.Add(1)
		go func() {
			defer sent.Done()
			for k := range each {
				if k == first {
					full.Done()
				}
				var h pdu.BHS
				i.CmdSN = 0 // before the window: ignored (RFC 7143 4.2.2.1), and its data with it
				i.command(&h, 0, rawclient.RW10(true, 0, recvBufferSize/512), recvBufferSize, true)
				i.send(&h, make([]byte, recvBufferSize))
			}
		}()
	}
	full.Wait()
	before, answered := l.stats, make(chan uint64, 1)
	var watch func()
	watch = func() { // once a turn, until the probe has its answer
		if l.stats.PDUsSent > before.PDUsSent {
			answered <- l.stats.Receives - before.Receives
			return
		}
		l.Post(query(watch))
	}
	l.Post(query(watch))
	go close(hold)
	probe.ping()
	// The kernel reports some twenty wake-ups a turn, so that it takes the probe's nine turns to be heard of at all.
	if n := <-answered; n > 12*recvBuffers {
		t.Errorf("answered after %d receives of others", n)
	}
	sent.Wait()
}

// If a task that waits for memory in vain is aborted, tasks behind it that need less go on.
func TestLineMovesWhenItsFirstLeaves(t *testing.T) {
	stuck, free := faulttest.New(memory(t, 64<<20)), faulttest.New(memory(t, 1<<20))
	stuck.Decide(func(*lun.Request) faulttest.Fate { return faulttest.Fate{Hold: true} })
	r := newRigWith(t, Config{Cores: make([]int, 1), ArenaPerLoop: maxBlock}, quietNode, stuck, free)
	a := r.login(1)
	a.startRead(0, 0, maxBlock/2/512)
	waitFor(t, "the first to have memory", func() bool { return stuck.Held() == 1 })
	big := a.startRead(0, 0, maxBlock/512)
	sn := a.CmdSN - 1
	small := a.startRead(1, 0, 8)
	waitFor(t, "the others to wait", func() bool { return r.e.Status().Loops[0].Tasks == 3 })
	a.manage(pdu.TMFAbortTask, 0, big, sn)
	a.read()
	a.ExpStatSN++
	a.good(small)
	stuck.Release(-1)
}

// A connection whose tasks keep as much memory as they can get leaves enough for the others: what it wants beyond its share
// waits in a line of its own, its session's window shrinks, and both end with the tasks.
func TestOneConnectionDoesNotStarveTheOthers(t *testing.T) {
	// Reads through Fault need memory of the arena; those of a memory unit are sent from where they lie.
	stuck, free := faulttest.New(memory(t, 64<<20)), faulttest.New(memory(t, 8<<20))
	stuck.Decide(func(*lun.Request) faulttest.Fate { return faulttest.Fate{Hold: true} })
	r := newRigWith(t, Config{Cores: make([]int, 1), ArenaPerLoop: maxBlock}, quietNode, stuck, free)
	greedy, other := r.login(1), r.login(2)
	const wanted = 8
	var tags [wanted]uint32
	for k := range tags {
		tags[k] = greedy.startRead(0, 0, maxBlock/512)
	}
	waitFor(t, "all of them to have arrived", func() bool { return r.e.Status().Loops[0].Tasks == wanted })
	waitFor(t, "the arena to have grown for the first", func() bool { return stuck.Held() > 0 })
	if n := stuck.Held(); n != 1 {
		t.Errorf("%d transfers of %d bytes have memory; one is the share", n, maxBlock)
	}
	for range 3 {
		other.good(other.startRead(1, 0, maxBlock/512))
	}
	welcome := func() int {
		greedy.ping()
		return int(int32((*pdu.NOPIn)(&greedy.Header).MaxCmdSN()-greedy.CmdSN)) + 1
	}
	before := welcome()
	for k, itt := range tags {
		waitFor(t, "the next to be executed", func() bool { return stuck.Held() == 1 })
		if k == wanted-1 && welcome() != before {
			t.Errorf("%d commands are welcome beside one that is executed; with %d more it were %d: the window does not shrink", welcome(), k, before)
		}
		stuck.Release(1)
		greedy.good(itt)
	}
	if n := welcome(); n != session.DefaultWindow {
		t.Errorf("%d commands are welcome when all are answered; want %d", n, session.DefaultWindow)
	}
}
