package main

import "github.com/ringtgt/ringtgt/tools/kerneltest/power"

// prScript cycles through the service actions that change persistent state. Initiator a can always write.
type prScript struct {
	lun, steps int
	a, b       uint64 // the keys, 0 for none
	typ        byte
	holder     uint64
}

type prStep struct {
	who       byte
	name      string
	cdb, list []byte
}

func (p *prScript) state() string {
	var keys []uint64
	for _, key := range []uint64{p.a, p.b} {
		if key != 0 {
			keys = append(keys, key)
		}
	}
	return power.Reservations(keys, p.typ, p.holder)
}

// next returns the next command and advances the script to the state after it.
func (p *prScript) next() prStep {
	step := p.steps % 10
	p.steps++
	key := uint64(0xC0DE<<32 | p.lun<<16 | p.steps) // a new one
	s := prStep{who: 'a'}
	switch step {
	case 0, 4: // a registers, and later changes its key
		s.name = "REGISTER"
		s.cdb, s.list = prOut(prRegister, 0, p.a, key)
		if p.holder == p.a {
			p.holder = key
		}
		if p.typ == 0 {
			p.holder = 0
		}
		p.a = key
	case 1, 5:
		s.who, s.name = 'b', "REGISTER"
		s.cdb, s.list = prOut(prRegister, 0, p.b, key)
		p.b = key
	case 2:
		s.name = "RESERVE"
		s.cdb, s.list = prOut(prReserve, writeExclusiveRegistrants, p.a, 0)
		p.typ, p.holder = writeExclusiveRegistrants, p.a
	case 3:
		s.name = "PREEMPT"
		s.cdb, s.list = prOut(prPreempt, writeExclusiveRegistrants, p.a, p.b)
		p.b = 0
	case 6:
		s.name = "RELEASE"
		s.cdb, s.list = prOut(prRelease, p.typ, p.a, 0)
		p.typ, p.holder = 0, 0
	case 7:
		s.who, s.name = 'b', "RESERVE"
		s.cdb, s.list = prOut(prReserve, writeExclusiveAllRegistrants, p.b, 0)
		p.typ, p.holder = writeExclusiveAllRegistrants, 0
	case 8:
		s.who, s.name = 'b', "RELEASE"
		s.cdb, s.list = prOut(prRelease, p.typ, p.b, 0)
		p.typ, p.holder = 0, 0
	case 9:
		s.name = "CLEAR"
		s.cdb, s.list = prOut(prClear, 0, p.a, 0)
		p.a, p.b = 0, 0
	}
	return s
}
