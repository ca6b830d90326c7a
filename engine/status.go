package engine

import (
	"time"

	"github.com/ringtgt/ringtgt/engine/steer"
	"github.com/ringtgt/ringtgt/session"
	"golang.org/x/sys/unix"
)

// LoopStats counts what a loop did since it started.
type LoopStats struct {
	Turns          uint64 `json:"turns"`
	Accepted       uint64 `json:"accepted"`
	Commands       uint64 `json:"commands"`
	PDUsSent       uint64 `json:"pdus_sent"`
	Sends          uint64 `json:"sends"`
	Receives       uint64 `json:"receives"`
	DirectReceives uint64 `json:"direct_receives"`
	DiskOps        uint64 `json:"disk_ops"`
	Enters         uint64 `json:"enters"`          // io_uring_enter calls
	BlockingEnters uint64 `json:"blocking_enters"` // those that waited for a completion
	Wakes          uint64 `json:"wakes"`           // completions that are wake-ups by another thread
}

// LoopStatus is one loop at a moment.
type LoopStatus struct {
	Loop         int       `json:"loop"`
	Core         int       `json:"core"`   // -1: not pinned
	CPUNanos     int64     `json:"cpu_ns"` // processor time of its thread
	Connections  int       `json:"connections"`
	Tasks        int       `json:"tasks"`
	DiskBusy     int       `json:"disk_busy"`
	ArenaInUse   int       `json:"arena_in_use"`  // bytes
	ArenaTouched int       `json:"arena_touched"` // bytes taken into use
	ArenaLimit   int       `json:"arena_limit"`   // bytes
	Registered   bool      `json:"registered"`    // buffers are registered with the ring
	Stats        LoopStats `json:"stats"`
}

// ConnStatus is one connection at a moment.
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
	CID       uint16    `json:"cid"`
	// ReceiveCPU is where the kernel last did receive processing for it, -1 if nowhere; Placement says how it came to its loop.
	ReceiveCPU int    `json:"receive_cpu"`
	Placement  string `json:"placement"`
	Tasks      int    `json:"tasks"`
}

// Status is a picture of the engine: each loop's part was taken between two of its turns.
type Status struct {
	Started     time.Time    `json:"started"`
	Portals     []string     `json:"portals"`
	Loops       []LoopStatus `json:"loops"`
	Connections []ConnStatus `json:"connections"`
	Steering    steer.Status `json:"steering"`
}

// Status looks at every loop without stopping it for longer than its own part takes.
func (e *Engine) Status() Status {
	s := Status{Started: e.started, Loops: make([]LoopStatus, len(e.loops))}
	for _, p := range e.portals {
		s.Portals = append(s.Portals, p.String())
	}
	if e.steer != nil {
		s.Steering = e.steer.Status()
	}
	conns := make([][]ConnStatus, len(e.loops))
	e.each(func(l *loop) {
		st := l.stats
		st.Enters, st.BlockingEnters = l.ring.Stats().Enters, l.ring.Stats().BlockingEnters
		s.Loops[l.index] = LoopStatus{
			Loop: l.index, Core: l.core, CPUNanos: threadCPU(), Connections: l.live, Tasks: l.tasks.out, DiskBusy: l.ios.busy,
			ArenaInUse: l.arena.inUse, ArenaTouched: l.arena.slabs * slabSize, ArenaLimit: l.arena.limit * slabSize,
			Registered: l.slabsRegistered == l.arena.slabs, Stats: st,
		}
		for _, c := range l.conns {
			if c != nil {
				if c.toldGone {
					continue // its session waits for another one
				}
				conns[l.index] = append(conns[l.index], c.status(s.Steering.Level))
			}
		}
	})
	for _, c := range conns {
		s.Connections = append(s.Connections, c...)
	}
	return s
}

func (c *conn) status(level steer.Level) ConnStatus {
	s := ConnStatus{
		Loop: c.loop.index, Core: c.loop.core, Local: c.name.local.String(), Remote: c.name.remote.String(),
		Since: c.since, State: "login", Placement: c.placement.reason(level),
	}
	s.ReceiveCPU, _ = steer.IncomingCPUOf(c.fd)
	for t := c.tasks; t != nil; t = t.next {
		s.Tasks++
	}
	if n := c.s.Session(); n != nil {
		describe(&s, n)
		s.CID = c.s.CID()
	}
	return s
}

func describe(s *ConnStatus, n *session.Session) {
	s.State, s.Initiator, s.TSIH = "normal", n.InitiatorName, n.TSIH
	s.ISID = hexISID(n.ISID)
	if n.Target == nil {
		s.State = "discovery"
		return
	}
	s.Target = n.Target.Name
}

func hexISID(b [6]byte) string {
	const digits = "0123456789abcdef"
	out := make([]byte, 0, 12)
	for _, v := range b {
		out = append(out, digits[v>>4], digits[v&15])
	}
	return string(out)
}

// threadCPU is the processor time of the calling thread in nanoseconds.
func threadCPU() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts); err != nil {
		return 0
	}
	return ts.Nano()
}
