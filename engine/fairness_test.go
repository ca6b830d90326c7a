package engine

import (
	"sync"
	"testing"

	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/backend"
	"github.com/ringtgt/ringtgt/pdu"
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
	l.Post(func() { close(held); <-hold })
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
				i.cmdSN = 0 // before the window: ignored (RFC 7143 4.2.2.1), and its data with it
				i.command(&h, 0, rw10(true, 0, 64), recvBufferSize, true)
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
		l.Post(watch)
	}
	l.Post(watch)
	go close(hold)
	probe.ping()
	// The kernel reports some twenty wake-ups a turn, so that it takes the probe's nine turns to be heard of at all.
	if n := <-answered; n > 12*recvBuffers {
		t.Errorf("answered after %d receives of others", n)
	}
	sent.Wait()
}

// Who waits for memory in vain and is aborted does not take those with it that wait behind and need less.
func TestLineMovesWhenItsFirstLeaves(t *testing.T) {
	stuck, free := backend.NewFault(memory(t, 64<<20)), backend.NewFault(memory(t, 1<<20))
	stuck.Decide(func(*lun.Request) backend.Fate { return backend.Fate{Hold: true} })
	r := newRigWith(t, Config{Cores: make([]int, 1), ArenaPerLoop: maxBlock}, quietNode, stuck, free)
	a, b := r.login(1), r.login(2)
	for range slabSize/maxBlock - 1 {
		a.startRead(0, 0, maxBlock/512)
	}
	a.startRead(0, 0, maxBlock/512/2) // and half a block is left
	waitFor(t, "the arena to be used up", func() bool { return stuck.Held() == slabSize/maxBlock })
	first := a.startRead(0, 0, maxBlock/512)
	waitFor(t, "the largest to wait", func() bool { return r.e.Status().Loops[0].Tasks == slabSize/maxBlock+1 })
	second := b.startRead(1, 0, 8)
	waitFor(t, "the small one to wait behind it", func() bool { return r.e.Status().Loops[0].Tasks == slabSize/maxBlock+2 })
	a.manage(pdu.TMFAbortTask, 0, first, a.cmdSN-1)
	if st, _ := b.finish(second); st != 0 {
		t.Errorf("status %#x", st)
	}
	stuck.Release(-1)
}
