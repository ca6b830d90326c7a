package engine

import "github.com/ringtgt/ringtgt/internal/uring"

// poller decides how long a loop polls for completions before it sleeps. Going to sleep and being woken takes tens of
// microseconds on a virtual machine and a few on real hardware; for anything that comes sooner, polling is better. The window
// covers twice the longest wait of at most max: a loop that is in use does not sleep. A longer wait divides it by pollDecay, so that
// a single late answer does not put the loop to sleep for the next ones, and a loop with nothing to do soon takes no processor time.
// The poller reads no clock; its caller does.
type poller struct {
	max    int64 // ns; 0: never
	window int64 // ns to poll next time
}

// waited adapts the window to a wait that took ns, polling or asleep.
func (p *poller) waited(ns int64) {
	switch {
	case ns > p.max:
		if p.window /= pollDecay; p.window < pollMin {
			p.window = 0
		}
	default:
		p.window = min(max(2*ns, p.window, pollMin), p.max)
	}
}

// poll submits what the turn staged and polls for completions and mail. It returns false if there were none, and the loop should
// sleep.
func (l *loop) poll() bool {
	if l.poller.window == 0 {
		return false
	}
	l.check(l.ring.Submit())
	l.idle = l.clock() // submitting took time: the kernel copies what is sent
	if !l.spin() {
		return false
	}
	l.stats.Polls++
	l.check(l.ring.Submit()) // the kernel posts pending completions
	return true
}

// spin polls for completions and mail until the poller's window ends or a deadline comes. It returns false if there was nothing to do.
func (l *loop) spin() bool {
	now := l.idle
	until, due := now+l.poller.window, l.timers.next()
	for ; ; now = l.clock() {
		found := l.ring.Pending() || !l.mail.empty() || due != 0 && now >= due
		if found || now >= until {
			l.stats.PollNanos += uint64(now - l.idle)
			return found
		}
		uring.Pause()
	}
}
