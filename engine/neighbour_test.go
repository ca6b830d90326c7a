package engine

import (
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ringtgt/ringtgt/internal/faulttest"
	"github.com/ringtgt/ringtgt/internal/rawclient"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/pdu"
)

// hoard sends n writes of 4 MiB to LUN 0 and never sends their data.
func (i *initiator) hoard(n int) {
	for range n {
		i.start(0, rawclient.RW10(true, 0, maxBlock/512), maxBlock, true, nil)
	}
}

// solicited returns an initiator name and the keys that make writes wait for an R2T.
func solicited(name string) []string {
	return []string{"InitiatorName", name, "InitialR2T", "Yes", "ImmediateData", "No"}
}

// works does reads and writes of all sizes, which need memory of the arena, and checks that each succeeds.
func (i *initiator) works(lun byte) {
	i.t.Helper()
	for _, n := range []int{4096, 64 << 10, 1 << 20} {
		i.good(i.startRead(lun, 0, n/512))
	}
	i.good(i.startWrite(lun, 0, make([]byte, 4096)))
}

// An initiator that takes all the memory it can get, on many connections, leaves most of it to others: its share does not grow
// with the number of its connections.
func TestConnectionsOfOneInitiatorShareMemory(t *testing.T) {
	disk := faulttest.New(memory(t, 64<<20)) // its reads need memory of the arena
	r := newRigWith(t, Config{Cores: make([]int, 1), ArenaPerLoop: maxBlock}, quietNode, memory(t, 64<<20), disk)
	good := r.login(1)
	const conns, each = 8, 4
	var hogs [conns]*initiator
	for k := range hogs {
		hogs[k] = r.login(byte(10+k), solicited("iqn.2026-11.test:hog")...)
		hogs[k].hoard(each)
	}
	waitFor(t, "the writes to have arrived", func() bool { return r.e.Status().Loops[0].Tasks == conns*each })
	good.works(1)
	good.good(good.startRead(1, 0, maxBlock/512))
	if used, share := r.e.Status().Loops[0].ArenaInUse, slabSize/arenaShares; used > share {
		t.Errorf("%d bytes are in use without other commands; the share is %d", used, share)
	}
	for _, h := range hogs {
		h.Conn.Close()
	}
	waitFor(t, "tasks and memory to come back", func() bool {
		l := r.e.Status().Loops[0]
		return l.Tasks == 0 && l.ArenaInUse == 0
	})
}

// Many such initiators together leave memory to one more.
func TestManyInitiatorsLeaveMemoryToOneMore(t *testing.T) {
	disk := faulttest.New(memory(t, 64<<20))
	r := newRigWith(t, Config{Cores: make([]int, 1), ArenaPerLoop: maxBlock}, quietNode, memory(t, 64<<20), disk)
	const crowd = 40
	sizes := []int{maxBlock, 1 << 20, 64 << 10, 4096}
	for k := range crowd {
		hog := r.login(byte(10+k), solicited(fmt.Sprint("iqn.2026-11.test:hog", k))...)
		for _, n := range sizes { // each takes as much as it can get
			for range 6 {
				hog.start(0, rawclient.RW10(true, 0, uint16(n/512)), n, true, nil)
			}
		}
	}
	waitFor(t, "the writes to have arrived", func() bool { return r.e.Status().Loops[0].Tasks == crowd*6*len(sizes) })
	good := r.login(1)
	for range 20 {
		good.good(good.startRead(1, 0, 8))
	}
	good.good(good.startWrite(1, 0, make([]byte, 4096)))
}

// Initiators that send pings and text as fast as they can, and read the answers, do not keep others from working: a receive
// buffer and a batch bound what one connection causes in a turn.
func TestFloodsLetOthersWork(t *testing.T) {
	for _, kind := range []string{"pings", "text", "reads"} {
		t.Run(kind, func(t *testing.T) {
			disk := faulttest.New(memory(t, 64<<20))
			r := newRigWith(t, Config{Cores: make([]int, 1), ArenaPerLoop: maxBlock}, quietNode, disk)
			good := r.login(1)
			const floods = 4
			var all sync.WaitGroup
			var sent [floods]atomic.Int64
			var conns [floods]net.Conn
			for k := range floods {
				f := r.login(byte(10+k), "InitiatorName", "iqn.2026-11.test:flood")
				conns[k] = f.Conn
				all.Add(2)
				go func() {
					defer all.Done()
					io.Copy(io.Discard, f.Conn)
				}()
				go func() {
					defer all.Done()
					for f.flood(kind) == nil {
						sent[k].Add(1)
					}
				}()
			}
			waitFor(t, "all to flood", func() bool {
				for k := range sent {
					if sent[k].Load() < 20 {
						return false
					}
				}
				return true
			})
			for range 10 {
				good.works(0)
			}
			for _, c := range conns {
				c.Close()
			}
			all.Wait()
		})
	}
}

// flood sends a few requests of one kind; they are immediate, so that no window holds them back.
func (i *initiator) flood(kind string) error {
	var out []byte
	for range 8 {
		var h *pdu.BHS
		var data []byte
		switch kind {
		case "pings":
			h, data = i.Next(pdu.OpNOPOut, true), make([]byte, 4096)
		case "text":
			h = i.Next(pdu.OpTextRequest, true)
			for k := range 200 {
				data = pdu.AppendText(data, fmt.Sprint("X", k), "y")
			}
		case "reads":
			h = i.Command(0, rawclient.RW10(false, 0, maxBlock/512), maxBlock, false)
			h.SetImmediate(true)
			i.CmdSN--
		}
		out = rawclient.Append(out, h, data)
	}
	_, err := i.Conn.Write(out)
	return err
}

// While an initiator wants more memory than its share, the command windows of its sessions are narrow, so that few commands
// wait; afterwards they have their old size.
func TestWindowIsNarrowWhileMemoryIsWaitedFor(t *testing.T) {
	t.Parallel()
	f := faulttest.New(memory(t, 64<<20))
	f.Hold()
	r := newRigWith(t, Config{Cores: make([]int, 1), ArenaPerLoop: maxBlock}, quietNode, f)
	i := r.login(1)
	window := func() int {
		i.ping()
		p := (*pdu.NOPIn)(&i.Header)
		return int(p.MaxCmdSN() - p.ExpCmdSN() + 1)
	}
	whole := window()
	var reads [8]uint32
	for k := range reads {
		reads[k] = i.startRead(0, 0, maxBlock/512)
	}
	waitFor(t, "the commands to be there", func() bool { return r.e.Status().Loops[0].Tasks == len(reads) })
	if n := window(); n > whole-len(reads) {
		t.Errorf("the window has %d places and %d requests are unanswered, together %d; want no more than before", n, len(reads), whole)
	}
	f.Decide(func(*lun.Request) faulttest.Fate { return faulttest.Fate{Err: lun.ErrMedium} })
	f.Fail(-1, lun.ErrMedium)
	for _, itt := range reads {
		i.finish(itt)
	}
	waitFor(t, "the window to have its old size again", func() bool { return window() == whole })
}
