package lun

import "slices"

// The effect of each service action, as a function from state to state: no locks, no clock, no I/O.

// prEffects are the effects of a service action besides the new state.
type prEffects struct {
	changed      bool      // there is a next state
	preempted    []nexusID // RESERVATIONS PREEMPTED
	released     []nexusID // RESERVATIONS RELEASED
	unregistered []nexusID // REGISTRATIONS PREEMPTED
	abort        []nexusID // whose tasks PREEMPT AND ABORT aborts
}

// apply carries out r on a copy of s.
func (s prState) apply(r *prRequest) (next prState, e prEffects, fail *prFailure) {
	self := s.find(r.self)
	if r.action != prRegister && r.action != prRegisterAndIgnore {
		// SPC-4 5.13.7: any other service action "received from an unregistered I_T nexus ... shall be completed with
		// RESERVATION CONFLICT status"; and 6.16.3: the key is verified "regardless of the SERVICE ACTION and SCOPE".
		if self < 0 || s.regs[self].key != r.key {
			return s, e, prConflict
		}
	}
	next = s
	next.regs = slices.Clone(s.regs)
	switch r.action {
	case prRegister, prRegisterAndIgnore:
		fail = next.register(r, self, &e)
	case prReserve:
		fail = next.reserve(r, &e)
	case prRelease:
		fail = next.release(r, &e)
	case prClear:
		next.clear(r, &e)
	case prPreempt, prPreemptAndAbort:
		fail = next.preempt(r, &e)
	case prRegisterAndMove:
		fail = next.move(r, &e)
	default:
		fail = prBadCDB(1, 4)
	}
	if fail != nil {
		return s, prEffects{}, fail
	}
	// SPC-4 6.15.2 and table 213: RESERVE and RELEASE do not count, nor does a command that changed nothing.
	if e.changed && r.action != prReserve && r.action != prRelease {
		next.generation++
	}
	return next, e, nil
}

// register: SPC-4 5.13.7, tables 67 to 69. self is the index of the sender's registration.
func (s *prState) register(r *prRequest, self int, e *prEffects) *prFailure {
	if r.action == prRegister {
		switch {
		case self < 0 && r.key != 0, self >= 0 && r.key != s.regs[self].key:
			return prConflict
		case self >= 0 && r.specify:
			return prBadParam(20, 3)
		}
	}
	if self < 0 && r.saKey == 0 {
		return nil // "Do nothing except return GOOD status."
	}
	ports := r.ports()
	for _, named := range r.ids {
		for _, p := range ports {
			id := nexusID{named.port, p.TPGT}
			if s.find(id) >= 0 { // table 67 note b
				return prBadParam(named.at, -1)
			}
		}
	}
	gone := s.registerSelf(r, ports)
	for _, named := range r.ids {
		for _, p := range ports {
			if id := (nexusID{named.port, p.TPGT}); s.find(id) < 0 { // the list may contain a name twice
				s.regs = append(s.regs, registration{id, p.RelPort, r.saKey, ""})
			}
		}
	}
	if len(s.regs) > MaxRegistrations {
		return &prFailure{asc: ascNoResources}
	}
	e.changed = true
	s.aptpl = r.aptpl
	if gone {
		s.releaseUnheld(e, r.self)
	}
	return nil
}

// ports returns the target ports that a registration is for.
func (r *prRequest) ports() []Port {
	ports := []Port{r.selfPort}
	if r.allPorts {
		for _, p := range r.targetPorts {
			if p.TPGT != r.selfPort.TPGT {
				ports = append(ports, p)
			}
		}
	}
	return ports
}

// registerSelf changes the sender's own registration at each port, and reports whether one was removed.
func (s *prState) registerSelf(r *prRequest, ports []Port) (gone bool) {
	for _, p := range ports {
		id := nexusID{r.self.port, p.TPGT}
		i := s.find(id)
		// ALL_TG_PT: "as if the same registration request had been received individually through each target port". Where
		// it would have conflicted it changes nothing.
		if r.action == prRegister && (i < 0 && r.key != 0 || i >= 0 && r.key != s.regs[i].key) {
			continue
		}
		switch {
		case i >= 0 && r.saKey == 0:
			s.regs = slices.Delete(s.regs, i, i+1)
			gone = true
		case i >= 0:
			s.regs[i].key, s.regs[i].account = r.saKey, r.account
		case r.saKey != 0:
			s.regs = append(s.regs, registration{id, p.RelPort, r.saKey, r.account})
		}
	}
	return gone
}

// releaseUnheld releases the reservation when its holder is no longer registered, or no nexus is, for All Registrants types (SPC-4
// table 71). For a Registrants Only type the other registered nexuses get a unit attention (5.13.11.2.3); self is the sender.
func (s *prState) releaseUnheld(e *prEffects, self nexusID) {
	switch {
	case s.typ == prNone:
		return
	case s.typ.all():
		if len(s.regs) > 0 {
			return
		}
	case s.find(s.holder) >= 0:
		return
	}
	if s.typ.registrants() {
		e.released = s.others(self)
	}
	s.typ, s.holder = prNone, nexusID{}
}

// others lists the registered nexuses except one.
func (s *prState) others(but nexusID) (ids []nexusID) {
	for i := range s.regs {
		if s.regs[i].id != but {
			ids = append(ids, s.regs[i].id)
		}
	}
	return ids
}

// badScopeType returns the failure of r unless its scope is LU_SCOPE and its type one of the six (SPC-4 6.15.3.3, 6.15.3.4, 6.16.1).
func badScopeType(r *prRequest) *prFailure {
	switch {
	case r.scope != 0:
		return prBadCDB(2, 7)
	case !r.typ.valid():
		return prBadCDB(2, 3)
	}
	return nil
}

// take makes self the reservation's holder.
func (s *prState) take(typ prType, self nexusID) {
	s.typ, s.holder = typ, self
	if typ.all() {
		s.holder = nexusID{}
	}
}

// reserve: SPC-4 5.13.9.
func (s *prState) reserve(r *prRequest, e *prEffects) *prFailure {
	if fail := badScopeType(r); fail != nil {
		return fail
	}
	if s.typ != prNone {
		if !s.holds(r.self) || s.typ != r.typ {
			return prConflict
		}
		return nil // reserved already: "it shall not make any change ... and shall complete the command with GOOD status"
	}
	s.take(r.typ, r.self)
	e.changed = true
	return nil
}

// release: SPC-4 5.13.11.2.2.
func (s *prState) release(r *prRequest, e *prEffects) *prFailure {
	if r.scope != 0 {
		return prBadCDB(2, 7)
	}
	if !s.holds(r.self) {
		return nil // GOOD, and nothing is released
	}
	if s.typ != r.typ {
		return &prFailure{asc: ascInvalidRel}
	}
	if s.typ.registrants() {
		e.released = s.others(r.self)
	}
	s.typ, s.holder = prNone, nexusID{}
	e.changed = true
	return nil
}

// clear: SPC-4 5.13.11.2.7.
func (s *prState) clear(r *prRequest, e *prEffects) {
	e.preempted = s.others(r.self)
	s.regs, s.typ, s.holder = nil, prNone, nexusID{}
	e.changed = true
}

// preempt: SPC-4 5.13.11.2.4 table 72 and figure 9.
func (s *prState) preempt(r *prRequest, e *prEffects) *prFailure {
	var takes bool // the reservation is preempted, not only registrations
	switch {
	case s.typ.all():
		takes = r.saKey == 0
	case s.typ != prNone:
		takes = r.saKey == s.regs[s.find(s.holder)].key
	}
	if !takes && r.saKey == 0 {
		return prBadParam(8, -1)
	}
	if takes {
		if fail := badScopeType(r); fail != nil {
			return fail
		}
	}
	gone := 0
	s.regs = slices.DeleteFunc(s.regs, func(g registration) bool {
		switch {
		case g.key != r.saKey && r.saKey != 0: // zero: every registration (All Registrants)
			return false
		case g.id == r.self && takes: // the nexus that preempts a reservation stays registered
			return false
		}
		gone++
		if g.id != r.self {
			e.unregistered = append(e.unregistered, g.id)
		}
		return true
	})
	if !takes && gone == 0 {
		return prConflict // 5.13.11.2.5: the key "does not match any registered reservation key"
	}
	e.changed = true
	e.abort = e.unregistered
	if !takes {
		s.releaseUnheld(e, r.self)
		return nil
	}
	if s.typ != r.typ {
		e.released = s.others(r.self)
	}
	s.take(r.typ, r.self)
	return nil
}

// move: SPC-4 5.13.8 table 70.
func (s *prState) move(r *prRequest, e *prEffects) *prFailure {
	switch {
	case s.typ == prNone:
		return prBadCDB(1, 4)
	case s.typ.all(), !s.holds(r.self):
		return prConflict
	case r.saKey == 0:
		return prBadParam(8, -1)
	case len(r.ids) != 1 || r.ids[0].port == r.self.port:
		return prBadParam(prListSize, -1)
	}
	i := slices.IndexFunc(r.targetPorts, func(p Port) bool { return p.RelPort == r.relPort })
	if i < 0 {
		return prBadParam(18, -1)
	}
	to := nexusID{r.ids[0].port, r.targetPorts[i].TPGT}
	if j := s.find(to); j >= 0 {
		s.regs[j].key = r.saKey
	} else {
		s.regs = append(s.regs, registration{to, r.relPort, r.saKey, ""})
	}
	s.holder = to
	if r.unreg {
		j := s.find(r.self)
		s.regs = slices.Delete(s.regs, j, j+1)
	}
	if len(s.regs) > MaxRegistrations {
		return &prFailure{asc: ascNoResources}
	}
	e.changed = true
	s.aptpl = r.aptpl
	return nil
}
