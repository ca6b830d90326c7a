package session

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/ringtgt/ringtgt/pdu"
)

var simSeeds = flag.Int("sim.seeds", 600, "number of simulated sessions")

// TestSimulation plays sessions of an initiator, a connection and a backend with no socket, each from a seed: requests and
// answers delayed and split, CmdSNs out of order, duplicate, stale and lost, digests wrong, tasks aborted, units reset,
// memory short, the transport lost. Its oracle: exactly one answer to each command that was not aborted and none after the
// abort's, the right bytes both ways, StatSN without gap, ExpCmdSN and MaxCmdSN never back (rig.check), no session that
// stands still, and every task freed.
//
// RINGTGT_SIM_SEED=n plays one seed, verbosely.
func TestSimulation(t *testing.T) {
	if s := os.Getenv("RINGTGT_SIM_SEED"); s != "" {
		seed, err := strconv.ParseUint(s, 0, 64)
		if err != nil {
			t.Fatal(err)
		}
		newSim(t, seed, true).run()
		return
	}
	for seed := range uint64(*simSeeds) {
		ok := t.Run(fmt.Sprint(seed), func(t *testing.T) {
			defer func() {
				if t.Failed() {
					t.Logf("reproduce: RINGTGT_SIM_SEED=%d go test -run '^TestSimulation$' -v ./session", seed)
				}
			}()
			newSim(t, seed, false).run()
		})
		if !ok {
			break
		}
	}
}

// sim is one simulated session.
type sim struct {
	*rig
	rng     *rand.Rand
	verbose bool

	// The initiator.
	left     int                // requests still to be made
	cmds     map[uint32]*simCmd // by ITT, until answered
	senders  []*simSender       // PDUs that wait to be sent, in order within each
	toTarget []byte             // on the wire
	inbox    []wire             // PDUs of the target's under way
	sent     [][]byte           // non-immediate requests, to be sent again
	firstSN  uint32
	stats    map[string]int

	// The host and its backend.
	running  []*Task
	aborting []*Task
	managing []*Task
	memory   []*Task // OutLater
	refused  map[uint32]bool
	gone     bool
	calm     bool
}

type simKind uint8

const (
	simRead simKind = iota
	simWrite
	simTest
	simPing
	simManage
)

// simCmd is a request from its making to its answer.
type simCmd struct {
	kind    simKind
	h       pdu.BHS
	n       int // bytes to move
	imm     int // of these, immediate data
	key     int // of the data
	got     []byte
	dataSN  uint32
	burst   uint32
	spoiled bool // CHECK CONDITION 0B/47/05 is right
	doomed  *simCmd
	target  *simCmd // of an abort
}

// simSender is a stream of PDUs of the initiator's that keep their order.
type simSender struct {
	pdus [][]byte
}

func newSim(t *testing.T, seed uint64, verbose bool) *sim {
	rng := rand.New(rand.NewPCG(seed, 0x517))
	pick := func(v ...string) string { return v[rng.IntN(len(v))] }
	keys := []string{
		"HeaderDigest", pick("None", "CRC32C"), "DataDigest", pick("None", "CRC32C"),
		"InitialR2T", pick("Yes", "No"), "ImmediateData", pick("Yes", "No"),
		"MaxRecvDataSegmentLength", pick("512", "1000", "8192", "65536"),
		"MaxBurstLength", pick("1024", "4096", "262144"),
		"MaxOutstandingR2T", pick("1", "2", "4"),
	}
	keys = append(keys, "FirstBurstLength", pick("512", "1024"))
	window := 1 + rng.IntN(20)
	r := newRig(t, with(keys...), withWindow(window), func(o *rigOptions) { o.firstCmd = ^uint32(0) - uint32(rng.IntN(60)) })
	s := &sim{rig: r, rng: rng, verbose: verbose, left: 40, cmds: map[uint32]*simCmd{}, firstSN: r.cmdSN, refused: map[uint32]bool{}, stats: map[string]int{}}
	r.maxCmdSN, r.expCmdSN = r.conn.sess.window.MaxCmdSN(), r.conn.sess.window.ExpCmdSN()
	r.conn.host = s
	return s
}

func (s *sim) logf(format string, args ...any) {
	if s.verbose {
		s.Logf(format, args...)
	}
}

// Host of the connection: the rig's, with memory that is short at times.

func (s *sim) NewNexus(n *Session) error { return s.host.NewNexus(n) }
func (s *sim) NewTask(c *Conn) *Task     { return s.host.NewTask(c) }
func (s *sim) FreeTask(t *Task) {
	s.host.FreeTask(t)
	for i, m := range s.memory {
		if m == t {
			s.memory = append(s.memory[:i], s.memory[i+1:]...)
			break
		}
	}
}
func (s *sim) Memory(n int) []byte  { return s.host.Memory(n) }
func (s *sim) Release(b []byte)     { s.host.Release(b) }
func (s *sim) Post(m Message)       { s.Fatal("Post: ", m) }
func (s *sim) Wake(int)             {}
func (s *sim) Place([]int, int) int { return 0 }

func (s *sim) DataOut(t *Task, may bool) OutState {
	switch s.rng.IntN(12) {
	case 0:
		if may {
			s.memory = append(s.memory, t)
			return OutLater
		}
		fallthrough
	case 1:
		if t.Write {
			s.refused[t.ITT] = true
			return OutRefused
		}
	}
	s.host.give(t)
	return OutReady
}

func (s *sim) run() {
	idle := 0
	die := -1
	if s.rng.IntN(4) == 0 {
		die = s.rng.IntN(1500)
	}
	for step := 0; ; step++ {
		s.calm = step > 3000 // enough mischief: what is still waiting has to come to its end
		if step == die {
			s.logf("the transport is lost")
			s.gone = true
			break
		}
		if s.left == 0 && len(s.cmds) == 0 && len(s.senders) == 0 && len(s.toTarget) == 0 && len(s.inbox) == 0 {
			break
		}
		if s.step() {
			idle = 0
		} else if idle++; idle > 2000 {
			for itt, c := range s.cmds {
				s.Errorf("unanswered: %#x kind %d CmdSN %d", itt, c.kind, (*pdu.SCSICommand)(&c.h).CmdSN())
			}
			s.Fatalf("the session stands still: window %d..%d, next CmdSN %d", s.expCmdSN, s.maxCmdSN, s.cmdSN)
		}
	}
	s.finish()
}

// step does one random thing, and reports whether there was something to do.
func (s *sim) step() bool {
	defer s.take()
	r := s.rng
	switch r.IntN(12) {
	case 0, 1:
		return s.request()
	case 2, 3, 4:
		return s.transmit()
	case 5, 6:
		return s.deliver()
	case 7, 8:
		return s.receive()
	case 9:
		return s.backend()
	case 10:
		s.host.holdSent = r.IntN(2) == 0
		if !s.host.holdSent {
			s.host.sent()
		}
		s.room = r.IntN(3) > 0
		s.pump()
		return false
	case 11:
		if !s.calm {
			return s.mischief()
		}
	}
	return false
}

// take sorts what the connection asked for.
func (s *sim) take() {
	s.inbox = append(s.inbox, s.got...)
	s.got = nil
	for _, ev := range s.events {
		switch ev.Kind {
		case Execute:
			t := ev.Task
			c := s.cmds[t.ITT]
			if c == nil {
				s.Fatalf("Execute of %#x, which is over", t.ITT)
			}
			if t.Write && !bytes.Equal(t.Out[:t.Received], pattern(c.key, c.n)) {
				s.Fatalf("Execute of write %#x with %d bytes that are not what was sent", t.ITT, t.Received)
			}
			s.running = append(s.running, t)
		case Abort:
			i := index(s.running, ev.Task)
			if i < 0 {
				s.Fatalf("Abort of %#x, which is not executed", ev.Task.ITT)
			}
			s.running = append(s.running[:i], s.running[i+1:]...)
			s.aborting = append(s.aborting, ev.Task)
		case Manage:
			s.managing = append(s.managing, ev.Task)
		case SessionDown:
			if len(s.host.live) > 0 {
				s.Fatalf("SessionDown with %d tasks", len(s.host.live))
			}
			s.stats["down"]++
		default:
			if !s.gone {
				s.Fatalf("event kind %d: %v", ev.Kind, ev.Reason)
			}
		}
	}
	s.events = nil
}

func index(ts []*Task, t *Task) int {
	for i := range ts {
		if ts[i] == t {
			return i
		}
	}
	return -1
}

// deliver brings some bytes to the target.
func (s *sim) deliver() bool {
	if len(s.toTarget) == 0 {
		return false
	}
	n := 1 + s.rng.IntN(len(s.toTarget))
	if s.rng.IntN(2) == 0 {
		n = min(n, 60)
	}
	s.feed(s.toTarget[:n])
	s.toTarget = s.toTarget[n:]
	return true
}

// backend does one thing of the host's.
func (s *sim) backend() bool {
	r := s.rng
	take := func(ts *[]*Task) *Task {
		i := r.IntN(len(*ts))
		t := (*ts)[i]
		*ts = append((*ts)[:i], (*ts)[i+1:]...)
		return t
	}
	switch {
	case len(s.memory) > 0 && r.IntN(2) == 0:
		t := take(&s.memory)
		s.host.give(t)
		s.conn.Buffer(s.now, t)
	case len(s.aborting) > 0 && r.IntN(2) == 0:
		t := take(&s.aborting)
		if r.IntN(2) == 0 {
			s.conn.Aborted(s.now, t)
		} else {
			t.Result = Result{In: []byte("late")}
			s.conn.Complete(s.now, t)
		}
	case len(s.managing) > 0 && r.IntN(2) == 0:
		s.conn.Managed(s.now, take(&s.managing), 0)
	case len(s.running) > 0:
		t := take(&s.running)
		c := s.cmds[t.ITT]
		res := Result{}
		if t.Read {
			res.In, res.RequiredIn = pattern(c.key, c.n), int64(c.n)
		} else {
			res.RequiredOut = int64(c.n)
		}
		t.Result = res
		s.conn.Complete(s.now, t)
	default:
		return false
	}
	s.pump()
	return true
}

// finish ends the session: by logout, or because the transport is gone.
func (s *sim) finish() {
	s.room = true
	s.host.holdSent = false
	if !s.gone {
		s.host.sent()
		s.pump()
		s.take()
		l := s.logout(pdu.LogoutCloseSession, 0)
		s.send(l.BHS(), nil)
		for len(s.aborting)+len(s.managing)+len(s.running) > 0 {
			s.gone = true
			s.take()
			s.backend()
		}
		s.gone = true
		if len(s.got) == 0 || s.got[len(s.got)-1].h.Opcode() != pdu.OpLogoutResponse {
			s.Fatalf("no logout response: %v", s.got)
		}
	}
	s.take()
	s.closeNow()
	s.take()
	s.room = false
	for n := 0; len(s.aborting)+len(s.managing) > 0; n++ {
		if s.stats["down"] > 0 {
			s.Fatal("SessionDown before the host's last answer")
		}
		s.backend()
		s.take()
	}
	if len(s.running) > 0 {
		s.Fatalf("%d tasks run on without Abort", len(s.running))
	}
	s.wantNoTasks()
	if s.stats["down"] != 1 {
		s.Fatalf("SessionDown came %d times", s.stats["down"])
	}
	s.logf("%v", s.stats)
}
