package steer

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Config describes what to steer. Loops are numbered as in Cores.
type Config struct {
	Cores   []int    // CPU of each loop, -1 for one that is not pinned
	XDP     []string // interfaces whose packets the generic XDP program moves; empty: none
	Disable bool     // never load a program
}

// Steer places connections on loops. All its methods may be called from any thread.
type Steer struct {
	cores     []int
	unsteered atomic.Uint64

	mu        sync.RWMutex
	closed    bool
	selection *selection // nil: no program
	level     Level
	why       string
	flows     *flowTable // nil: no XDP
	xdpWhy    string
	lowered   map[*Group]struct{} // portals with a lower level
}

// Group is one portal's listening sockets.
type Group struct {
	level Level
	why   string
}

// Open determines which level is possible, and attaches the XDP program if interfaces are named. It never fails: Status
// reports what is missing.
func Open(cfg Config) *Steer {
	s := &Steer{cores: slices.Clone(cfg.Cores)}
	s.openSelection(cfg.Disable)
	s.openFlows(cfg.XDP, cfg.Disable)
	return s
}

func (s *Steer) openSelection(disabled bool) {
	if len(s.cores) < 2 {
		s.why = "one loop: there is nothing to choose"
		return
	}
	why := "disabled by configuration"
	if !disabled {
		sel, err := openSelection(len(s.cores))
		if err == nil {
			s.selection, s.level = sel, Program
			return
		}
		why = selectionNeeds.explain(err)
	}
	s.level, s.why = s.withoutProgram(why)
}

// withoutProgram returns the best level if there is no program because of why, and the reason for it.
func (s *Steer) withoutProgram(why string) (Level, string) {
	why = "sk_reuseport program: " + why
	if slices.ContainsFunc(s.cores, func(cpu int) bool { return cpu < 0 }) {
		return Hash, why + "; SO_INCOMING_CPU: not every loop is pinned to a CPU"
	}
	if incomingNeeds.kernelTooOld() {
		why += "; SO_INCOMING_CPU: before Linux 6.2 the kernel may ignore it"
	}
	return IncomingCPU, why
}

func (s *Steer) openFlows(interfaces []string, disabled bool) {
	var cpus []int
	for _, cpu := range s.cores {
		if cpu >= 0 && !slices.Contains(cpus, cpu) {
			cpus = append(cpus, cpu)
		}
	}
	switch {
	case len(interfaces) == 0:
		s.xdpWhy = "no interface is configured"
	case disabled:
		s.xdpWhy = "disabled by configuration"
	case len(cpus) == 0:
		s.xdpWhy = "no loop is pinned to a CPU"
	default:
		var refused []string
		var err error
		s.flows, refused, err = openFlows(cpus, interfaces)
		if err != nil {
			refused = []string{flowNeeds.explain(err)}
		}
		s.xdpWhy = strings.Join(refused, "; ")
	}
}

// Listen sets up the listening sockets of one portal, fds[i] being that of loop i. They must be bound to one address with
// SO_REUSEPORT and already be listening. Listen may be called for any number of portals; each has its own program. The caller
// keeps the sockets. At level Program no connection is lost when a listener is closed: the other listeners get those that it has
// not accepted.
//
// It fails unless there is one socket per loop, or after Close. A portal for which the program is refused gets the next level,
// which Status then reports until Unlisten.
func (s *Steer) Listen(fds []int) (*Group, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return nil, errors.New("steer: closed")
	case len(fds) != len(s.cores):
		return nil, fmt.Errorf("steer: %d listeners for %d loops", len(fds), len(s.cores))
	}
	g := &Group{level: s.level, why: s.why}
	if len(fds) < 2 {
		return g, nil
	}
	if s.selection != nil {
		err := s.selection.attach(fds)
		if err == nil {
			return g, nil
		}
		g.level, g.why = s.withoutProgram(selectionNeeds.explain(err))
	}
	if g.level == IncomingCPU {
		if err := preferIncoming(fds, s.cores); err != nil {
			g.level, g.why = Hash, g.why+"; "+err.Error()
		}
	}
	if g.level < s.level {
		if s.lowered == nil {
			s.lowered = map[*Group]struct{}{}
		}
		s.lowered[g] = struct{}{}
	}
	return g, nil
}

// Unlisten forgets a portal that is being closed. The kernel frees its program and maps with the last of its sockets.
func (s *Steer) Unlisten(g *Group) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.lowered, g)
}

// Flow assigns a connection to a loop: from the next packet on, receive processing happens on that loop's CPU. Without XDP it
// does nothing. It makes a system call and allocates, so it is not for the data path.
func (s *Steer) Flow(local, remote netip.AddrPort, loop int) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.flows == nil || loop < 0 || loop >= len(s.cores) {
		return
	}
	var err error
	if cpu := s.cores[loop]; cpu >= 0 {
		err = s.flows.set(local, remote, cpu)
	} else {
		err = s.flows.forget(local, remote) // it may have moved from a loop that is pinned
	}
	if err != nil {
		s.unsteered.Add(1)
	}
}

// Forget undoes Flow. Call it before the connection's descriptor is closed: after that a new connection may have its addresses.
func (s *Steer) Forget(local, remote netip.AddrPort) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.flows != nil {
		s.flows.forget(local, remote) // if this fails, an entry of a hundred bytes stays
	}
}

// Status returns what is active now. It takes into account interfaces that have gone since Open.
func (s *Steer) Status() Status {
	s.mu.RLock()
	defer s.mu.RUnlock()
	st := Status{Level: s.level, Why: s.why, XDPWhy: s.xdpWhy, Unsteered: s.unsteered.Load()}
	for g := range s.lowered {
		if g.level < st.Level {
			st.Level, st.Why = g.level, g.why
		}
	}
	if s.flows != nil {
		on, gone := s.flows.attached()
		if st.XDPWhy != "" {
			gone = append([]string{st.XDPWhy}, gone...)
		}
		st.XDP, st.Interfaces, st.XDPWhy = len(on) > 0, on, strings.Join(gone, "; ")
	}
	return st
}

// Close detaches the XDP program. Listeners keep their programs until they are closed. A second call does nothing.
func (s *Steer) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	var errs []error
	if s.flows != nil {
		errs = append(errs, s.flows.close())
		s.flows, s.xdpWhy = nil, "closed"
	}
	if s.selection != nil {
		errs = append(errs, s.selection.close())
		s.selection = nil
	}
	return errors.Join(errs...)
}
