package run

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/ringtgt/ringtgt/internal/host"
)

// process finds the process of the target. If it is 0, why is a note for the result; that is empty if no process was wanted or the
// target is not on this machine.
func (p *plan) process(portal netip.AddrPort) (pid int, why string) {
	switch {
	case p.TargetPID < 0:
		return 0, ""
	case p.TargetPID > 0:
		if _, err := host.CPUTime(p.TargetPID); err != nil {
			return 0, fmt.Sprintf("no processor time of the target: there is no process %d", p.TargetPID)
		}
		return p.TargetPID, ""
	}
	pid, err := host.Listening(portal)
	switch {
	case err == nil:
		return pid, ""
	case errors.Is(err, host.ErrElsewhere):
		return 0, ""
	case errors.Is(err, host.ErrNobody): // the kernel's own target, another network namespace, a forwarded port
		return 0, fmt.Sprintf("no processor time of the target: no process of this machine is seen to listen at %s; --target-pid names one", portal)
	case errors.Is(err, host.ErrHidden):
		return 0, "no processor time of the target: its process belongs to another user; --target-pid names it"
	}
	return 0, fmt.Sprintf("no processor time of the target: %v; --target-pid says which", err)
}

// sampler reads the CPU time of a process periodically and interpolates between samples: when the measured part began and ended
// is known only after the run.
type sampler struct {
	pid    int
	stop   chan struct{}
	done   sync.WaitGroup
	period time.Duration
	all    []sample
	err    error // the process is gone
}

type sample struct {
	at  time.Time
	cpu time.Duration
}

func newSampler(pid int) *sampler {
	s := &sampler{pid: pid, stop: make(chan struct{}), period: samplePeriod}
	s.look()
	s.done.Go(s.run)
	return s
}

func (s *sampler) run() {
	timer := time.NewTimer(s.period)
	defer timer.Stop()
	for s.err == nil {
		select {
		case <-s.stop:
			s.look()
			return
		case <-timer.C:
			s.look()
			s.thin()
			timer.Reset(s.period)
		}
	}
}

func (s *sampler) look() {
	cpu, err := host.CPUTime(s.pid)
	if err != nil {
		s.err = err
		return
	}
	s.all = append(s.all, sample{time.Now(), cpu})
}

// thin drops every second sample when there are too many, and halves the rate.
func (s *sampler) thin() {
	if len(s.all) < maxSamples {
		return
	}
	for i := range len(s.all) / 2 {
		s.all[i] = s.all[2*i]
	}
	s.all = s.all[:len(s.all)/2]
	s.period *= 2
}

// end stops the sampling. It may be called once.
func (s *sampler) end() {
	close(s.stop)
	s.done.Wait()
}

// between returns the CPU time from one moment to another, after end. It fails if the process did not exist at both.
func (s *sampler) between(from, to time.Time) (time.Duration, error) {
	a, ok := s.at(from)
	b, ok2 := s.at(to)
	if !ok || !ok2 {
		return 0, fmt.Errorf("the target's process did not live for all of it")
	}
	return max(b-a, 0), nil
}

func (s *sampler) at(t time.Time) (time.Duration, bool) {
	for i := 1; i < len(s.all); i++ {
		a, b := s.all[i-1], s.all[i]
		if t.Before(a.at) || t.After(b.at) {
			continue
		}
		if !b.at.After(a.at) {
			return b.cpu, true
		}
		part := float64(t.Sub(a.at)) / float64(b.at.Sub(a.at))
		return a.cpu + time.Duration(part*float64(b.cpu-a.cpu)), true
	}
	return 0, false
}
