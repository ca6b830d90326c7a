package session

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// mcWorld is a simulated session of several connections: loops with the target's ends, sockets, a backend, and the end
// of an initiator's connections. There are no goroutines: a scheduler picks one step at a time, so that everything follows from
// the seed. docs/simulation.md is its description.
type mcWorld struct {
	testing.TB
	rng     *rand.Rand // nil in a scenario: the order is fixed
	verbose bool
	step    int
	now     int64
	cfg     mcConfig

	node    *Node
	loops   []*mcLoop
	targets []*mcTarget // connections that their loops have not dropped
	socks   []*mcSocket
	dialed  int
	lent    int // blocks that Memory gave

	cmds    map[uint32]*mcCmd // SCSI commands by the number in their CDB
	disk    mcDisk
	ctl     map[uint32]*mcCmd // other requests by Initiator Task Tag
	running []*mcTask         // with the backend
	hold    bool              // the backend completes nothing (scenarios)
	nexuses []*mcNexus
	depth   int // of steps within steps
	onPDU   func(c *mcConn, w wire)
	order   []*mcCmd // commands as they were executed
	stats   map[string]int
	log     []string
}

// mcConfig is how hard the world is. The zero value is the tame world of the scenarios.
type mcConfig struct {
	preempt int // one in so many calls of the host is interrupted by other loops; 0: none
	short   int // one in so many commands finds no memory
	noTask  int // one in so many requests finds no task
	slow    int // one in so many commands takes the backend long
	batch   int // PDUs in one gathered send
	socket  int // bytes that fit between the ends
}

func newMCWorld(t testing.TB, loops int, cfg mcConfig, limits Limits, node NodeConfig) *mcWorld {
	w := &mcWorld{TB: t, now: int64(time.Hour), cfg: cfg, cmds: map[uint32]*mcCmd{}, ctl: map[uint32]*mcCmd{}, stats: map[string]int{}}
	w.node = NewNode(node)
	w.node.SetTargets([]*Target{{Name: testTarget, Portals: []Portal{{Addr: "127.0.0.1:3260", TPGT: 1}}, Limits: limits}})
	for i := range loops {
		w.loops = append(w.loops, &mcLoop{w: w, index: i})
	}
	return w
}

// chance is true once in n, never for 0 and never in a scenario.
func (w *mcWorld) chance(n int) bool { return n > 0 && w.rng != nil && w.rng.IntN(n) == 0 }

func (w *mcWorld) logf(format string, args ...any) {
	if w.verbose {
		w.Logf("%5d %7.3fs  %s", w.step, float64(w.now-int64(time.Hour))/1e9, fmt.Sprintf(format, args...))
	}
}

// mcSocket is a TCP connection: the bytes under way in both directions.
type mcSocket struct {
	id       int
	up, down []byte // to the target, to the initiator
	upEnd    bool   // nothing follows up
	downEnd  bool   // nothing follows down
	reset    bool   // by the initiator, or by a box in between
	silent   bool   // nothing passes any more, and nobody says so
	target   *mcTarget
}

// dial makes a connection that a loop accepts.
func (w *mcWorld) dial(loop int) *mcSocket {
	w.dialed++
	s := &mcSocket{id: w.dialed}
	w.socks = append(w.socks, s)
	l := w.loops[loop]
	l.completed(func() { l.welcome(s) })
	return s
}

// preempt lets other loops run where a real host's thread could be interrupted: in the callbacks of the protocol. While a
// lock is held the others would only wait for it.
func (w *mcWorld) preempt() {
	if w.depth >= 2 || !w.chance(w.cfg.preempt) || w.locked() {
		return
	}
	w.depth++
	for n := 1 + w.rng.IntN(6); n > 0; n-- {
		if w.rng.IntN(2) == 0 {
			w.kernelStep()
		} else {
			w.loopStep()
		}
	}
	w.depth--
}

func (w *mcWorld) locked() bool {
	if !w.node.reg.mu.TryLock() {
		return true
	}
	w.node.reg.mu.Unlock()
	for _, n := range w.nexuses {
		if !n.s.mu.TryLock() {
			return true
		}
		n.s.mu.Unlock()
	}
	return false
}

// loopStep has a loop that has something to do take one step of its turn.
func (w *mcWorld) loopStep() bool {
	at := 0
	if w.rng != nil {
		at = w.rng.IntN(len(w.loops))
	}
	for i := range w.loops {
		if l := w.loops[(at+i)%len(w.loops)]; !l.busy && l.enabled() {
			l.step()
			return true
		}
	}
	return false
}

// kernelStep completes one operation of a connection.
func (w *mcWorld) kernelStep() bool {
	n := len(w.targets)
	if n == 0 {
		return false
	}
	at := 0
	if w.rng != nil {
		at = w.rng.IntN(n)
	}
	for i := range n {
		c := w.targets[(at+i)%n]
		first := w.rng == nil || w.rng.IntN(2) == 0
		if first && c.kernelSends() || c.kernelReceives() || !first && c.kernelSends() {
			return true
		}
	}
	return false
}

// backendStep has the backend apply or complete one command.
func (w *mcWorld) backendStep() bool {
	n := len(w.running)
	if n == 0 || w.hold {
		return false
	}
	at := 0
	if w.rng != nil {
		at = w.rng.IntN(n)
	}
	for i := range n {
		if t := w.running[(at+i)%n]; t.readyAt <= w.now {
			w.work(t)
			return true
		}
	}
	return false
}

// deadline is when something happens by itself, 0 never.
func (w *mcWorld) deadline() int64 {
	at := int64(0)
	for _, l := range w.loops {
		for _, t := range l.timers {
			if at == 0 || t.at < at {
				at = t.at
			}
		}
	}
	for _, t := range w.running {
		if !w.hold && (at == 0 || t.readyAt < at) {
			at = t.readyAt
		}
	}
	return at
}

// tidy forgets sockets that nobody has any more.
func (w *mcWorld) tidy() {
	n := 0
	for _, s := range w.socks {
		if s.target == nil || !s.target.dropped {
			w.socks[n] = s
			n++
		}
	}
	w.socks = w.socks[:n]
}

// describe says what there is, for a session that stands still.
func (w *mcWorld) describe() string {
	var b strings.Builder
	for _, n := range w.nexuses {
		fmt.Fprintf(&b, "session %d: up %d down %d, window %d..%d\n", n.s.TSIH, n.ups, n.downs, n.s.window.ExpCmdSN(), n.s.window.MaxCmdSN())
	}
	for _, c := range w.targets {
		fmt.Fprintf(&b, "%v: loop %d tasks %d closing %v shut %v told %v stage %d live %d", c, c.loop.index, len(c.tasks), c.closing, c.shut, c.toldGone, c.s.end.stage, c.s.live)
		fmt.Fprintf(&b, " up %d down %d reset %v silent %v", len(c.sock.up), len(c.sock.down), c.sock.reset, c.sock.silent)
		for _, t := range c.tasks {
			fmt.Fprintf(&b, "\n   task %#x CmdSN %d kind %d phase %d host %d aborting %v", t.s.ITT, t.s.CmdSN, t.s.st.kind, t.s.st.phase, t.phase, t.aborting)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

var (
	mcLocal  = netip.MustParseAddrPort("127.0.0.1:3260")
	mcRemote = netip.MustParseAddrPort("127.0.0.1:50000")
)

// noRand is the randomness of connections that use none.
func noRand(b []byte) { clear(b) }
