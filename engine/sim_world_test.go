package engine

import (
	"fmt"
	"iter"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/steer"
	"github.com/ringtgt/ringtgt/internal/uring"
	"github.com/ringtgt/ringtgt/internal/uring/simkernel"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/session"
	"golang.org/x/sys/unix"
)

// simWorld is the real engine on a simulated kernel, with a simulated initiator. The loops are coroutines: a scheduler picks
// one step at a time, of a loop, of the kernel or of the initiator, so that everything follows from the seed.
// docs/testing.md describes it.
type simWorld struct {
	testing.TB
	rng     *rand.Rand // nil in a scenario: the order is fixed
	verbose bool
	step    int
	now     int64
	cfg     simConfig

	k        *simkernel.Kernel
	node     *session.Node
	engine   *Engine
	portal   *portal
	target   *lun.Target
	units    [simUnits]*simUnit
	loops    []*simLoop
	current  *simLoop // nil while the scheduler runs
	helpers  []func() // work that loops handed to helper threads
	busy     bool     // helper threads stand still
	noMemory bool     // there is none for slabs
	window   int      // most unanswered requests of a session

	targets []*simTarget // connections that are still on a loop
	byFD    map[int]*simSocket
	socks   []*simSocket
	dialed  int

	cmds    map[uint32]*simCmd // SCSI commands by number; the number is part of the data they write
	ctl     map[uint32]*simCmd // other requests by Initiator Task Tag
	nexuses []*simNexus
	limits  simLimits
	onPDU   func(c *simConn, w wire)
	onWake  func(wake func()) // called in the middle of a delivery by another loop; nil: wake only
	order   []*simCmd         // commands in the order in which backends got them
	stats   map[string]int
}

// simConfig sets how hostile the world is. The zero value is the faultless world of the scenarios.
type simConfig struct {
	preempt int // one in N Host calls is preempted by other loops; 0: none
	long    int // one in N preemptions lasts for hundreds of steps
	noTask  int // one in N requests finds no free task
	noSlab  int // one in N slabs finds no memory
	kernel  simkernel.Odds
	socket  int // bytes that fit into a connection
	sq, cq  uint32
	arena   int // bytes of a loop's arena that tasks may use; 0: all
	poll    time.Duration
	zero    ZeroCopy // and what the kernel can do, and for how much data
	zeroCan uring.ZeroCopy
	zeroMin int
}

// simLoop is a loop of the engine as a coroutine.
type simLoop struct {
	w       *simWorld
	l       *loop
	ring    *simkernel.Ring
	fd      int // its listening socket
	next    func() (struct{}, bool)
	stop    func()
	yield   func(struct{}) bool
	paused  bool // preempted, not waiting
	running bool
	until   int // it stays preempted until this step
	over    bool
	taken   [][]byte // arena blocks that are kept from the engine
}

func newSimWorld(t testing.TB, loops int, cfg simConfig, limits session.Limits, rng *rand.Rand) *simWorld {
	w := &simWorld{
		TB: t, rng: rng, now: int64(time.Hour), cfg: cfg, cmds: map[uint32]*simCmd{}, ctl: map[uint32]*simCmd{}, stats: map[string]int{},
		byFD: map[int]*simSocket{}, window: limits.Window, portal: &portal{addr: simPortal},
	}
	w.k = simkernel.New(simkernel.Config{
		Rand: rng, Odds: cfg.kernel, Now: func() int64 { return w.now }, Failf: w.Fatalf, Wait: w.wait, Pause: func(*simkernel.Ring) { w.preempt() },
		SQEntries: cfg.sq, CQEntries: cfg.cq, SocketBytes: cfg.socket, Received: w.delivered, Sending: w.sending, Wrote: w.wrote,
	})
	w.node = session.NewNode(session.NodeConfig{})
	m := machine{
		kernel: w.k, clock: w.clock, random: w.random, sockets: simSockets{w.k}, host: w.host,
		helper: func(work func()) { w.helpers = append(w.helpers, work) }, populate: w.populate,
		zeroCopy: cfg.zeroCan, interfaces: func() map[netip.Addr]string { return map[netip.Addr]string{simPortal.Addr(): "sim0"} },
	}
	if cfg.poll == 0 {
		cfg.poll = -1
	}
	e, err := New(Config{Node: w.node, Cores: slices.Repeat([]int{-1}, loops), ArenaPerLoop: slabSize, Poll: cfg.poll, Log: w.logger(), machine: &m,
		ZeroCopy: cfg.zero, zeroCopyMin: cfg.zeroMin})
	if err != nil {
		t.Fatal(err)
	}
	w.engine = e
	e.steer = steer.Open(steer.Config{Cores: slices.Repeat([]int{-1}, loops), Disable: true})
	w.openUnits()
	w.node.SetTargets([]*session.Target{{Name: testTarget, Portals: []session.Portal{{Addr: simPortal.String(), TPGT: 1}}, Limits: limits}})
	for _, l := range e.loops {
		w.open(l)
	}
	return w
}

// open starts a loop and its listening socket.
func (w *simWorld) open(l *loop) {
	sl := &simLoop{w: w, l: l}
	w.loops = append(w.loops, sl)
	if err := l.open(); err != nil {
		w.Fatal(err)
	}
	sl.ring = w.k.Ring(l.ring.FD())
	if w.cfg.arena > 0 {
		sl.occupy(w.cfg.arena)
	}
	sl.fd = w.k.Listen(simPortal)
	l.Post(query(func() {
		l.listen(w.portal, sl.fd)
	}))
	sl.next, sl.stop = iter.Pull(func(yield func(struct{}) bool) {
		sl.yield = yield
		l.serve()
	})
}

// occupy allocates all of the arena but n bytes.
func (sl *simLoop) occupy(n int) {
	a := sl.l.arena
	for size := maxBlock; size >= minBlock; size /= 2 {
		for slabSize-a.inUse-size >= n {
			b := a.alloc(size)
			if b == nil {
				break
			}
			sl.taken = append(sl.taken, b)
		}
	}
}

// simSockets implements the socket calls that do not go through a ring.
type simSockets struct{ *simkernel.Kernel }

func (s simSockets) Close(fd int) error { return s.CloseFD(fd) }

// chance is true with probability 1/n; never for 0, and never in a scenario.
func (w *simWorld) chance(n int) bool { return n > 0 && w.rng != nil && w.rng.IntN(n) == 0 }

func (w *simWorld) logf(format string, args ...any) {
	if w.verbose {
		w.Logf("%5d %9.5fs  %s", w.step, float64(w.now-int64(time.Hour))/1e9, fmt.Sprintf(format, args...))
	}
}

// logger returns a logger that writes to the run's log.
func (w *simWorld) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(simLog{w}, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
}

// simAbandoned is the engine's log line for a command that it gives up.
var simAbandoned = regexp.MustCompile(`aborted task is still in the backend.* remote=(\S+) itt=(\d+)`)

type simLog struct{ w *simWorld }

func (l simLog) Write(b []byte) (int, error) {
	text := strings.TrimSpace(string(b))
	l.w.logf("engine: %s", text)
	if strings.Contains(text, "no memory for more I/O buffers") {
		l.w.stats["no memory told"]++
	}
	if m := simAbandoned.FindStringSubmatch(text); m != nil {
		itt, _ := strconv.ParseUint(m[2], 10, 32)
		l.w.abandoned(m[1], uint32(itt))
	}
	return len(b), nil
}

// clock is the loops' clock. Reading it takes time, and the thread may be preempted there.
func (w *simWorld) clock() int64 {
	w.now += 100
	w.preempt()
	return w.now
}

// populate finds memory for a slab, or fails.
func (w *simWorld) populate(mem []byte) error {
	if w.noMemory || w.chance(w.cfg.noSlab) {
		w.stats["no memory"]++
		return unix.ENOMEM
	}
	w.stats["slabs"]++
	return nil
}

func (w *simWorld) random(b []byte) {
	for i := range b {
		b[i] = byte(i)
		if w.rng != nil {
			b[i] = byte(w.rng.Uint32())
		}
	}
}

// wait suspends a loop that waits for its ring.
func (w *simWorld) wait(r *simkernel.Ring) {
	sl := w.current
	if sl == nil || sl.ring != r {
		w.Fatalf("a ring waits that does not belong to the running loop")
	}
	sl.suspend(false)
}

// preempt lets other loops run where a thread could be preempted, except while a lock is held: they would only wait for it.
func (w *simWorld) preempt() {
	if w.current != nil && w.chance(w.cfg.preempt) && !w.locked() {
		w.current.suspend(true)
	}
}

func (sl *simLoop) suspend(paused bool) {
	sl.w.observe(sl.l, nil)
	sl.paused = paused
	if sl.until = 0; paused && sl.w.chance(sl.w.cfg.long) {
		sl.until = sl.w.step + sl.w.rng.IntN(400)
	}
	if !sl.yield(struct{}{}) {
		panic("engine: a simulated loop was stopped in the middle")
	}
	sl.paused = false
}

// run resumes the loop until it waits or is preempted.
func (sl *simLoop) run() {
	before := sl.w.current
	sl.w.current, sl.running = sl, true
	_, more := sl.next()
	sl.w.current, sl.running = before, false
	sl.over = !more
}

// runnable reports whether the loop can run.
func (sl *simLoop) runnable() bool {
	return !sl.over && !sl.running && (sl.paused && sl.w.step >= sl.until || !sl.paused && sl.ring.Runnable())
}

// schedule resumes a preempted loop early, since nothing else can run.
func (w *simWorld) schedule() bool {
	for _, sl := range w.loops {
		if sl.paused && sl.until > w.step {
			sl.until = w.step
			return true
		}
	}
	return false
}

// loopStep runs one of the runnable loops.
func (w *simWorld) loopStep() bool {
	at := w.intN(len(w.loops))
	for i := range w.loops {
		if sl := w.loops[(at+i)%len(w.loops)]; sl.runnable() {
			sl.run()
			return true
		}
	}
	return false
}

// kernelStep performs one step of the kernel or of a helper thread.
func (w *simWorld) kernelStep() bool {
	if n := len(w.helpers); n > 0 && !w.busy && (w.rng == nil || w.rng.IntN(4) == 0) {
		i := w.intN(n)
		work := w.helpers[i]
		w.helpers = slices.Delete(w.helpers, i, i+1)
		work()
		return true
	}
	return w.k.Step()
}

func (w *simWorld) intN(n int) int {
	if w.rng == nil {
		return 0
	}
	return w.rng.IntN(n)
}

// deadline returns the time of the next timer or disk event; 0: none.
func (w *simWorld) deadline() (at int64) {
	for _, sl := range w.loops {
		if d, waits := sl.ring.Waiting(); !sl.over && waits && d != 0 && (at == 0 || d < at) {
			at = d
		}
	}
	if d := w.k.Deadline(); d != 0 && (at == 0 || d < at) {
		at = d
	}
	return at
}

// shutDown stops the engine as Engine.Shutdown does, and checks that nothing is left.
func (w *simWorld) shutDown() {
	settle := func() {
		for n := 0; w.loopStep() || w.kernelStep() || w.schedule(); n++ {
			if w.step++; n > 1e6 {
				w.Fatalf("the engine never becomes idle")
			}
		}
	}
	settle()
	for _, sl := range w.loops {
		l := sl.l
		for _, b := range sl.taken {
			l.arena.release(b)
		}
		switch {
		case l.live != 0:
			w.Fatalf("loop %d: %d connections are left", l.index, l.live)
		case l.tasks.out != 0:
			w.Fatalf("loop %d: %d tasks were not returned", l.index, l.tasks.out)
		case l.arena.inUse != 0:
			w.Fatalf("loop %d: %d bytes of the arena were not returned", l.index, l.arena.inUse)
		case l.ios.busy != 0 || len(l.ios.line) != 0:
			w.Fatalf("loop %d: %d disk operations are under way", l.index, l.ios.busy)
		case l.notifying != 0:
			w.Fatalf("loop %d: %d batches wait for a notification", l.index, l.notifying)
		case l.dirty != nil || len(l.rearms) != 0:
			w.Fatalf("loop %d: its dirty list is not empty", l.index)
		case l.shares.last != nil || len(l.shares.by) != 0 || l.shares.owed != nil:
			w.Fatalf("loop %d: %d shares of the arena are left", l.index, len(l.shares.by))
		case !l.mail.empty():
			w.Fatalf("loop %d: messages are left", l.index)
		}
		w.limitsIdle()
		w.batchesHome(l)
		w.buffersHome(l)
		l.Post(query(func() {
			l.closeListeners(nil)
			l.stopping = true
		}))
	}
	settle()
	for _, sl := range w.loops {
		if !sl.over {
			w.Fatalf("loop %d does not stop", sl.l.index)
		}
	}
	if w.stats["no memory"] > 0 && w.stats["no memory told"] == 0 {
		w.Fatalf("the log does not say that memory was short")
	}
	w.closeUnits()
	w.k.Forget()
	if left := w.k.Left(); len(left) > 0 {
		w.Fatalf("the kernel still has %v", left)
	}
	w.engine.steer.Close()
	for _, sl := range w.loops {
		w.unmap(sl.l)
	}
}

// batchesHome checks that all send batches ever made are free again.
func (w *simWorld) batchesHome(l *loop) {
	n := 0
	for b := l.batches; b != nil; b = b.next {
		n++
	}
	if n%16 != 0 { // moreBatches makes 16
		w.Fatalf("loop %d: a send batch is lost: %d are free", l.index, n)
	}
}

// buffersHome checks that the kernel has all receive buffers.
func (w *simWorld) buffersHome(l *loop) {
	if n := sl(w, l).ring.Provided(recvGroup); n != recvBuffers {
		w.Fatalf("loop %d: %d of %d receive buffers are with the kernel", l.index, n, recvBuffers)
	}
}

func sl(w *simWorld, l *loop) *simLoop { return w.loops[l.index] }

// unmap frees the loop's memory. Real loops keep it until the process ends.
func (w *simWorld) unmap(l *loop) {
	_ = l.recvBufs.Close()
	_ = uring.Unmap(l.arena.raw)
}

// describe lists the state of a run that makes no progress.
func (w *simWorld) describe() string {
	var b strings.Builder
	for _, n := range w.nexuses {
		fmt.Fprintf(&b, "session %d: up %d down %d, next CmdSN %d\n", n.s.TSIH, n.ups, n.downs, n.next)
	}
	for _, sl := range w.loops {
		d, waits := sl.ring.Waiting()
		fmt.Fprintf(&b, "loop %d: waits %v until %.5f paused %v over %v arena %d live %d tasks %d disk %d mail %v\n", sl.l.index, waits, float64(d-int64(time.Hour))/1e9, sl.paused, sl.over, sl.l.arena.inUse, sl.l.live, sl.l.tasks.out, sl.l.ios.busy, !sl.l.mail.empty())
	}
	for _, t := range w.targets {
		c := t.c
		fmt.Fprintf(&b, "%v: loop %d %v armed %v inflight %v notifying %d dirty %v", t, c.loop.index, c.phase, c.recv.armed, c.send.inFlight, c.send.notifying, c.dirty)
		up, down := t.sock.s.Pending()
		fmt.Fprintf(&b, " up %d down %d reset %v silent %v", up, down, t.sock.s.WasReset(), t.sock.s.IsSilent())
		for o := c.tasks; o != nil; o = o.next {
			fmt.Fprintf(&b, "\n   task %#x CmdSN %d phase %v out %d/%d", o.s.ITT, o.s.CmdSN, o.phase, o.s.Received, len(o.s.Out))
		}
		b.WriteByte('\n')
	}
	for _, s := range w.k.Left() {
		fmt.Fprintln(&b, "kernel:", s)
	}
	return b.String()
}

var (
	simPortal = netip.MustParseAddrPort("127.0.0.1:3260")
	simRemote = netip.MustParseAddr("127.0.0.2")
)
