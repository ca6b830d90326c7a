package engine

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/faulttest"
	"github.com/ringtgt/ringtgt/internal/rawclient"
	"github.com/ringtgt/ringtgt/pdu"
	"github.com/ringtgt/ringtgt/session"
)

// The deadline of a send starts anew whenever the initiator has acknowledged something, however little.
func TestSendDeadline(t *testing.T) {
	const timeout = int64(30 * time.Second)
	var w sendWatch
	now, looks := int64(1), 0
	w.begin(now, timeout)
	for acked := uint64(0); acked < 10; acked++ { // one byte at every second check, which is ten seconds
		for range 2 {
			if now = w.look; w.late(now, acked, timeout) {
				t.Fatalf("late after %v, in spite of progress", time.Duration(now))
			}
		}
	}
	began := now
	for !w.late(w.look, 9, timeout) {
		if looks++; looks > 10 {
			t.Fatal("never late")
		}
	}
	if d := w.look - began; d > timeout+timeout/3 || d < timeout/2 {
		t.Errorf("late after %v; %v is the deadline", time.Duration(d), time.Duration(timeout))
	}
}

// pings sends pings that want no answer until the connection is closed.
func (i *initiator) pings(done chan<- error) {
	for {
		h := rawclient.Request(pdu.OpNOPOut, pdu.ReservedTag, i.CmdSN, i.ExpStatSN)
		h.SetImmediate(true)
		(*pdu.NOPOut)(h).SetTTT(pdu.ReservedTag)
		if _, err := i.Conn.Write(h[:]); err != nil {
			done <- err
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// Reads whose data is never received, and writes whose data never comes, hold memory of the arena. Pings do not let them hold
// it for ever.
func TestHoldersOfMemoryAreEnded(t *testing.T) {
	for _, what := range []string{"reads are not fetched", "data does not come"} {
		t.Run(what, func(t *testing.T) {
			disk := faulttest.New(memory(t, 64<<20))
			r := newRigWith(t, Config{Cores: make([]int, 1), ArenaPerLoop: maxBlock, sendTimeout: 200 * time.Millisecond},
				session.NodeConfig{NOPInterval: -1, DataTimeout: int64(200 * time.Millisecond)}, disk)
			hog := r.login(1, solicited("iqn.2026-11.test:hog")...)
			hog.Conn.(*net.TCPConn).SetReadBuffer(4096)
			if what == "data does not come" {
				hog.hoard(20)
				go io.Copy(io.Discard, hog.Conn)
			} else {
				for range 20 {
					hog.startRead(0, 0, maxBlock/512)
				}
			}
			done := make(chan error)
			go hog.pings(done)
			<-done // or the connection's own deadline, which fails below
			waitFor(t, "tasks and memory to come back", func() bool {
				l := r.e.Status().Loops[0]
				return l.Tasks == 0 && l.ArenaInUse == 0 && len(r.e.Status().Connections) == 0
			})
		})
	}
}
