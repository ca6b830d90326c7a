package initiator

import (
	"time"

	"golang.org/x/sys/unix"
)

// meter reads what a loop has used at the beginning and at the end of the measured part, so that CPU time and system calls per
// request cover the requests that count.
type meter struct {
	from, to      LoopReport
	begun, halted bool
}

// start takes the first reading, once.
func (m *meter) start(l *loop) {
	if !m.begun {
		m.begun, m.from = true, l.used()
	}
}

// stop takes the second reading, once. A run that ends in its warm-up has used nothing.
func (m *meter) stop(l *loop) {
	m.start(l)
	if !m.halted {
		m.halted, m.to = true, l.used()
	}
}

func (m *meter) report() LoopReport {
	a, b := &m.from, m.to
	b.User -= a.User
	b.System -= a.System
	b.Turns -= a.Turns
	b.Sends -= a.Sends
	b.SentPDUs -= a.SentPDUs
	b.Receives -= a.Receives
	b.Enters -= a.Enters
	b.Blocking -= a.Blocking
	return b
}

// used returns what the loop's thread and ring have used so far.
func (l *loop) used() LoopReport {
	r := l.report
	r.CPU = l.cpu
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_THREAD, &u) == nil {
		r.User, r.System = time.Duration(u.Utime.Nano()), time.Duration(u.Stime.Nano())
	}
	if l.ring != nil {
		st := l.ring.Stats()
		r.Enters, r.Blocking = st.Enters, st.BlockingEnters
	}
	return r
}
