package engine

import "github.com/ringtgt/ringtgt/internal/uring"

// poller says how long a loop looks for completions before it sleeps. Going to sleep and being woken takes tens of
// microseconds on a virtual machine and a few on real hardware; what comes sooner than that is better waited for awake. It
// is off (0) whenever the last wait was longer than max, so that a loop with nothing to do takes no processor time, and grows from
// pollMin by doubling while waits are short. It reads no clock: that is the loop's to do.
type poller struct {
	max    int64 // ns; 0: never
	window int64 // ns to look for next time
}

// waited takes note of a wait of ns, asleep or awake.
func (p *poller) waited(ns int64) {
	switch {
	case ns > p.max:
		p.window = 0
	case p.window < ns || p.window == 0:
		p.window = min(max(2*p.window, pollMin), p.max)
	}
}

// poll looks for completions and mail for a while; false: none came, and the loop is to sleep. What the turn staged is with
// the kernel afterwards.
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
	l.check(l.ring.Submit()) // what is pending becomes a completion
	return true
}
