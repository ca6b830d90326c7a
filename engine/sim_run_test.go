package engine

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/uring"
	"github.com/ringtgt/ringtgt/internal/uring/simkernel"
	"github.com/ringtgt/ringtgt/pdu"
	"github.com/ringtgt/ringtgt/session"
)

var (
	simSeeds = flag.Int("seeds", 1000, "number of seeds that TestSimulation plays")
	simSeed  = flag.Int64("seed", -1, "the one seed that TestSimulation plays, verbosely")
	simSteps = flag.Int("steps", 4000, "steps of TestSimulation after which nothing goes wrong any more")
)

// TestSimulation runs the real engine on a simulated kernel. Each seed is one run: an initiator port's sessions, with 1 to 8
// connections on 1 to 4 loops. docs/testing.md describes the events and the rules.
func TestSimulation(t *testing.T) {
	if *simSeed >= 0 {
		s := newSimulation(t, uint64(*simSeed), true)
		s.run()
		return
	}
	if raceDetector {
		*simSeeds = min(*simSeeds, 50) // the race detector adds nothing: one thread runs at a time
	}
	total := map[string]int{}
	for seed := range uint64(*simSeeds) {
		ok := t.Run(fmt.Sprint(seed), func(t *testing.T) {
			defer func() {
				if t.Failed() {
					t.Logf("reproduce: go test ./engine -run '^TestSimulation$' -seed %d -steps %d -v", seed, *simSteps)
				}
			}()
			s := newSimulation(t, seed, false)
			s.run()
			for k, v := range s.stats {
				total[k] += v
			}
			for k, v := range s.k.Stats {
				total[k] += v
			}
		})
		if !ok {
			break
		}
	}
	t.Log(total)
}

// simulation is one run: an initiator port with one session, or several one after the other.
type simulation struct {
	*simWorld
	sess   *simSession // current, or logging in
	past   *simSession // its predecessor, until sess is in full feature phase
	lead   *simConn    // the connection of the leading login
	left   int         // requests to issue
	verify []simRange  // ranges to read at the end
	conns  int         // connections wanted
	calm   bool        // no more faults
	keys   []string    // offered in a leading login
	more   []string    // offered in a joining one
	model  simModel
	visit  simGuests

	itt    uint32
	free   []uint32 // tags that may be used again
	id     uint32
	sent   []simSent // PDUs that may be sent again
	holes  []*simCmd // requests whose CmdSN the target may never get
	moved  int64     // time at which a request last ended
	ending bool
}

type simRange struct {
	lun    uint64
	lba, n int
}

func newSimulation(t testing.TB, seed uint64, verbose bool) *simulation {
	rng := rand.New(rand.NewPCG(seed, 0x3c5))
	pick := func(v ...string) string { return v[rng.IntN(len(v))] }
	n := func(v ...int) int { return v[rng.IntN(len(v))] }
	cfg := simConfig{
		preempt: n(0, 3, 10, 40),
		long:    n(1, 3, 8, 30),
		noTask:  n(0, 0, 0, 60),
		noSlab:  n(0, 0, 0, 2),
		socket:  n(600, 4000, 1<<20),
		sq:      uint32(n(2, 8, 64, 1024)),
		cq:      uint32(n(8, 64, 4096)),
		arena:   n(0, 0, 256<<10, 512<<10),
		poll:    time.Duration(n(-1, -1, 50_000)),
		kernel: simkernel.Odds{
			Late: n(1, 2, 4), Short: n(0, 3, 20), Interrupt: n(0, 0, 20, 200), Partial: n(0, 10, 100), Spurious: n(0, 10),
			DiskError: n(0, 0, 20, 200), DiskSlow: n(0, 5, 30), DiskDelay: int64(n(1e6, 1e8, 1e9, 12e9)),
		},
	}
	cfg.zero = []ZeroCopy{ZeroCopyAuto, ZeroCopyOn, ZeroCopyOn, ZeroCopyOff}[rng.IntN(4)]
	cfg.zeroCan = []uring.ZeroCopy{uring.NoZeroCopy, uring.ZeroCopyPages, uring.ZeroCopySlabs}[rng.IntN(3)]
	cfg.zeroMin = n(1, 512, 4096)
	cfg.kernel.Copied, cfg.kernel.Refused = n(0, 1, 2, 20), n(0, 0, 10)
	s := &simulation{simWorld: newSimWorld(t, 1+rng.IntN(4), cfg, session.Limits{Window: n(1, 2, 3, 5, 8, 16, 33)}, rng)}
	s.verbose = verbose
	s.onPDU = s.take
	s.conns = 1 + rng.IntN(8)
	s.left = 20 + rng.IntN(60)
	s.itt = 0x1000
	s.keys = []string{
		"MaxConnections", strconv.Itoa(max(1, s.conns-n(0, 0, 0, 1))),
		"InitialR2T", pick("Yes", "No"), "ImmediateData", pick("Yes", "No"),
		"MaxBurstLength", pick("1024", "4096", "262144"), "FirstBurstLength", pick("512", "1024"),
		"MaxOutstandingR2T", pick("1", "2", "4"),
		"TaskReporting", pick("RFC3720", "RFC3720", "ResponseFence", "FastAbort"),
		"DefaultTime2Wait", "2", "DefaultTime2Retain", pick("0", "20"),
	}
	s.more = []string{
		"HeaderDigest", pick("None", "None", "CRC32C"), "DataDigest", pick("None", "None", "CRC32C"),
		"MaxRecvDataSegmentLength", pick("512", "1000", "8192", "65536"),
	}
	s.model.init()
	for lun := range uint64(simUnits) {
		for lba := 0; lba < simBlocks; lba += 16 {
			s.verify = append(s.verify, simRange{lun, lba, 16})
		}
	}
	s.moved = s.now
	return s
}

func (s *simulation) run() {
	for ; !s.over(); s.step++ {
		s.calm = s.step > *simSteps || s.left == 0
		if !s.act() && !s.passTime() {
			s.Fatalf("deadlock: nothing can happen\n%s", s.standing())
		}
		if s.step > 200000 || s.calm && s.now-s.moved > 400e9 {
			s.Fatalf("the session makes no progress\n%s", s.standing())
		}
	}
	s.finish()
}

// act performs one random action.
func (s *simulation) act() bool {
	// A loop's cached time is never far behind.
	if s.rng.IntN(40) == 0 && !slices.ContainsFunc(s.loops, func(sl *simLoop) bool { return sl.paused }) {
		s.now += int64(s.rng.IntN(20e6))
		if !s.calm && s.rng.IntN(60) == 0 {
			s.now += int64(s.rng.IntN(20)) * 1e9
		}
	}
	at := s.rng.IntN(17)
	for i := range 17 {
		if s.one((at + i) % 17) {
			return true
		}
	}
	return false
}

func (s *simulation) one(i int) bool {
	switch i {
	case 0, 1, 2, 3, 4:
		return s.loopStep()
	case 5, 6, 7:
		return s.kernelStep()
	case 8, 9:
		return s.receive()
	case 10, 11:
		return s.transmit()
	case 12:
		return s.request()
	case 13:
		return s.kernelStep()
	case 14:
		return s.connections()
	case 15:
		return s.rng.IntN(20) == 0 && s.guests()
	}
	return !s.calm && s.rng.IntN(6) == 0 && s.mischief()
}

// passTime advances the clock to the next deadline, or by a step while the initiator waits.
func (s *simulation) passTime() bool {
	if s.schedule() {
		return true
	}
	s.quiet()
	at := s.deadline()
	if at == 0 {
		at = s.now + 1e9
	}
	s.now = max(min(at, s.now+5e9), s.now+1e6)
	return true
}

// over reports whether every request is issued, answered and verified, and the target has nothing left to do.
func (s *simulation) over() bool {
	if !s.ending {
		if s.left > 0 || len(s.verify) > 0 || len(s.holes) > 0 || s.sess == nil || !s.sess.up || s.sess.over || len(s.sess.cmds) > 0 {
			return false
		}
		for _, c := range s.sess.conns {
			if c.state != simFull && c.state != simGone {
				return false
			}
		}
		s.ending = true
		s.logf("the end")
		if c := s.anyConn(); c != nil && s.rng.IntN(2) == 0 {
			s.logout(c, pdu.LogoutCloseSession, 0, true)
		} else {
			for _, c := range s.socks {
				c.s.Reset()
			}
		}
		return false
	}
	return len(s.targets) == 0 && s.k.Deadline() == 0
}

// finish checks that nothing is left behind at the end.
func (s *simulation) finish() {
	for i := range s.limits.units {
		s.limits.units[i].check(s.simWorld)
	}
	s.limits.own.check(s.simWorld)
	s.shutDown()
	s.guestsGone()
	if n := len(s.node.Sessions()); n > 0 {
		s.Fatalf("%d sessions are left", n)
	}
	if n := len(s.engine.nexuses.bySession); n > 0 {
		s.Fatalf("%d nexuses are left", n)
	}
	s.stats["steps"] += s.step
	s.logf("%v", s.stats)
}

// standing describes a run that makes no progress.
func (s *simulation) standing() string {
	out := s.describe()
	if s.sess == nil {
		return out + "no session\n"
	}
	out += fmt.Sprintf("initiator: TSIH %d up %v over %v next CmdSN %d window %d..%d left %d check %d holes %v\n", s.sess.tsih, s.sess.up, s.sess.over, s.sess.cmdSN, s.sess.exp, s.sess.max, s.left, len(s.verify), s.holes)
	for _, c := range s.sess.conns {
		out += fmt.Sprintf("%v: state %d queue %d in %d silent %v reset %v %s\n", c, c.state, len(c.queue), len(c.in), c.sock.s.IsSilent(), c.sock.s.WasReset(), c.why)
	}
	for _, c := range s.sess.cmds {
		out += fmt.Sprintf("unanswered: %v on %v, arrived %v executed %v answered %v cleared %v dead %v\n", c, c.conn, c.tc != nil, c.executed != nil, c.answered, c.cleared, c.dead)
	}
	return out
}
