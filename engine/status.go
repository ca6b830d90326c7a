package engine

import (
	"encoding/hex"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/ringtgt/ringtgt/internal/steer"
	"github.com/ringtgt/ringtgt/session"
	"golang.org/x/sys/unix"
)

// LoopStats counts what a loop has done since it started.
type LoopStats struct {
	Turns          uint64 `json:"turns"`
	Accepted       uint64 `json:"accepted"`
	Refused        uint64 `json:"refused"` // connections refused because the loop's table was full
	Commands       uint64 `json:"commands"`
	PDUsSent       uint64 `json:"pdus_sent"`
	Sends          uint64 `json:"sends"`
	Receives       uint64 `json:"receives"`
	DirectReceives uint64 `json:"direct_receives"`
	DiskOps        uint64 `json:"disk_ops"`
	Polls          uint64 `json:"polls"`           // waits that ended before the loop slept
	PollNanos      uint64 `json:"poll_ns"`         // processor time spent polling for them, or before the loop slept
	Enters         uint64 `json:"enters"`          // io_uring_enter calls
	BlockingEnters uint64 `json:"blocking_enters"` // those that waited for a completion
	Wakes          uint64 `json:"wakes"`           // completions that are wake-ups by another thread
	Sweeps         uint64 `json:"sweeps"`          // searches of all connections for tasks to abort

	// Zero-copy sends: those whose data the interface read from our memory, and those that the kernel copied after all.
	SendsZeroCopied uint64 `json:"sends_zero_copied"`
	SendsCopied     uint64 `json:"sends_copied"`
}

// LoopStatus is the state of one loop.
type LoopStatus struct {
	Loop         int       `json:"loop"`
	Core         int       `json:"core"`   // -1: not pinned
	CPUNanos     int64     `json:"cpu_ns"` // processor time of its thread
	Connections  int       `json:"connections"`
	Tasks        int       `json:"tasks"`
	DiskBusy     int       `json:"disk_busy"`
	ArenaInUse   int       `json:"arena_in_use"`  // bytes
	ArenaTouched int       `json:"arena_touched"` // bytes of the slabs in use
	ArenaLimit   int       `json:"arena_limit"`   // bytes
	Registered   bool      `json:"registered"`    // buffers are registered with the ring
	Stats        LoopStats `json:"stats"`
}

// ConnStatus is the state of one connection.
type ConnStatus struct {
	Loop      int       `json:"loop"`
	Core      int       `json:"core"`
	Local     string    `json:"local"`
	Remote    string    `json:"remote"`
	Since     time.Time `json:"since"`
	State     string    `json:"state"` // "login", "discovery", "normal"
	Initiator string    `json:"initiator,omitempty"`
	Target    string    `json:"target,omitempty"`
	ISID      string    `json:"isid,omitempty"`
	TSIH      uint16    `json:"tsih,omitempty"`
	Account   string    `json:"account,omitempty"`
	CID       uint16    `json:"cid"`
	// ReceiveCPU is the CPU on which the kernel last processed a packet for it, -1 if none; Placement is how it came to its loop.
	ReceiveCPU int    `json:"receive_cpu"`
	Placement  string `json:"placement"`
	Tasks      int    `json:"tasks"`
}

// Status is the engine's state. Each loop's own part was read between two of its turns, and its connections some at a time. A
// connection that moved meanwhile may be missing.
type Status struct {
	Started     time.Time    `json:"started"`
	Portals     []string     `json:"portals"`
	Loops       []LoopStatus `json:"loops"`
	Connections []ConnStatus `json:"connections"`
	Logins      LoginStats   `json:"logins"`
	Steering    steer.Status `json:"steering"`
}

// Status reads the state of every loop. Each interruption of a loop's work lasts some microseconds.
func (e *Engine) Status() Status {
	s := Status{Started: e.started, Loops: make([]LoopStatus, len(e.loops))}
	for _, p := range e.Portals() {
		s.Portals = append(s.Portals, p.String())
	}
	if e.steer != nil {
		s.Steering = e.steer.Status()
	}
	facts := make([][]connFacts, len(e.loops))
	logins := make([]loginCounts, len(e.loops))
	var all sync.WaitGroup
	for i, l := range e.loops {
		all.Go(func() {
			ask := func(fn func()) { l.await(l.ask(fn)) }
			ask(func() { s.Loops[i], logins[i] = l.status(), l.logins })
			for at, more := 0, true; more; at += statusChunk {
				more = false
				facts[i] = slices.Grow(facts[i], statusChunk) // so that the loop does not allocate
				ask(func() { facts[i], more = l.appendFacts(facts[i], at) })
			}
		})
	}
	all.Wait()
	var sum loginCounts
	for i := range logins {
		sum.add(&logins[i])
	}
	s.Logins = sum.stats()
	seen := map[*conn]bool{}
	for _, fs := range facts {
		for i := range fs {
			if f := &fs[i]; !seen[f.c] {
				seen[f.c] = true
				s.Connections = append(s.Connections, f.status(s.Steering.Level))
			}
		}
	}
	return s
}

func (l *loop) status() LoopStatus {
	return LoopStatus{
		Loop: l.index, Core: l.core, CPUNanos: threadCPU(), Connections: l.live, Tasks: l.tasks.out, DiskBusy: l.ios.busy,
		ArenaInUse: l.arena.inUse, ArenaTouched: l.arena.slabs * slabSize, ArenaLimit: l.arena.limit * slabSize,
		Registered: !l.unregistered, Stats: l.counts(),
	}
}

// counts returns the loop's counters together with the ring's.
func (l *loop) counts() LoopStats {
	s, r := l.stats, l.ring.Stats()
	s.Enters, s.BlockingEnters = r.Enters, r.BlockingEnters
	return s
}

// connFacts are the fields of a connection that only its loop may read. They are formatted on another thread.
type connFacts struct {
	c             *conn
	loop, core    int
	cid           uint16
	receiveCPU    int
	placement     placement
	tasks         int
	local, remote netip.AddrPort
	who           sessionFacts
}

// sessionFacts are the same of a connection's session; all zero before the connection belongs to one.
type sessionFacts struct {
	of                *session.Session
	initiator, target string
	account           string
	isid              [6]byte
	tsih              uint16
	discovery         bool
}

func factsOf(n *session.Session) (f sessionFacts) {
	if n == nil {
		return f
	}
	f = sessionFacts{of: n, initiator: n.InitiatorName, account: n.Account, isid: n.ISID, tsih: n.TSIH, discovery: n.Target == nil}
	if n.Target != nil {
		f.target = n.Target.Name
	}
	return f
}

// appendFacts adds some connections from index at on, and reports whether there are more.
func (l *loop) appendFacts(out []connFacts, at int) (_ []connFacts, more bool) {
	end := min(at+statusChunk, len(l.conns))
	for _, c := range l.conns[min(at, end):end] {
		if c == nil || c.phase >= connClosed { // after connClosed, the session may wait for another connection
			continue
		}
		f := connFacts{
			c: c, loop: l.index, core: l.core, cid: c.s.CID(), placement: c.placement, local: c.name.local, remote: c.name.remote,
			who: factsOf(c.s.Session()),
		}
		f.receiveCPU, _ = steer.IncomingCPUOf(c.fd)
		for t := c.tasks; t != nil; t = t.next {
			f.tasks++
		}
		out = append(out, f)
	}
	return out, end < len(l.conns)
}

func (f *connFacts) status(level steer.Level) ConnStatus {
	s := ConnStatus{
		Loop: f.loop, Core: f.core, Local: f.local.String(), Remote: f.remote.String(), Since: f.c.since, State: "login",
		ReceiveCPU: f.receiveCPU, Placement: f.placement.reason(level), Tasks: f.tasks,
	}
	if w := &f.who; w.of != nil {
		s.State, s.Initiator, s.Target, s.TSIH, s.CID, s.Account = "normal", w.initiator, w.target, w.tsih, f.cid, w.account
		s.ISID = hex.EncodeToString(w.isid[:])
		if w.discovery {
			s.State = "discovery"
		}
	}
	return s
}

// threadCPU is the processor time of the calling thread in nanoseconds.
func threadCPU() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts); err != nil {
		return 0
	}
	return ts.Nano()
}
