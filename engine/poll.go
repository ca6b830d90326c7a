package engine

import "github.com/ringtgt/ringtgt/internal/uring"

// poller decides how long a loop polls for completions before it sleeps. Going to sleep and being woken takes tens of
// microseconds on a virtual machine and a few on real hardware; for anything that comes sooner, polling is better. The window is 0
// after a wait longer than max, so that a loop with nothing to do takes no processor time. While waits are short it doubles, from
// pollMin on. The poller reads no clock; its caller does.
type poller struct {
	max    int64 // ns; 0: never
	window int64 // ns to poll next time
}

// waited adapts the window to a wait that took ns, polling or asleep.
func (p *poller) waited(ns int64) {
	switch {
	case ns > p.max:
		p.window = 0
	case p.window < ns || p.window == 0:
		p.window = min(max(2*p.window, pollMin), p.max)
	}
}

// poll submits what the turn staged and polls for completions and mail. It returns false if there were none, and the loop should
// sleep.
func (l *loop) poll() bool {
	if l.poller.window == 0 {
		return false
	}
	l.check(l.ring.Submit())
	until := l.now + l.poller.window
	for !l.ring.Pending() && l.mail.empty() {
		if l.clock() >= until {
			return false
		}
		uring.Pause()
	}
	l.stats.Polls++
	l.check(l.ring.Submit()) // the kernel posts pending completions
	return true
}
