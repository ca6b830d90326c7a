package main

// lunMutants break the device server.
var lunMutants = []mutant{
	// Order and aborts (SAM-5).
	{"gate: late writes are not gated", "lun/gate_late.go", "if g.late == nil {", "if true {", "lun", "TestAbandonedWrite"},
	{"gate: a late write is never let go of", "lun/gate_late.go", "	g.behind = rest\n", "	g.behind = rest\n	g.behind = taskQueue{}\n", "lun", "TestAbandonedWrite"},
	{"gate: ranges that only touch overlap", "lun/gate_late.go", "a.off < b.end && b.off < a.end", "a.off <= b.end && b.off <= a.end", "lun", "TestAbandonedWrite"},
	{"gate: a reader passes one that runs alone", "lun/gate.go", "	if g.word.Load() == gateOpen {\n		t.gated = gateShared\n		return true\n	}\n	return g.enterSlow(t)", "	t.gated = gateShared\n	return true", "lun", "Gate|Ordered|CompareAndWrite"},
	{"gate: the waiter is not told", "lun/gate.go", "		if g.word.Load() != gateOpen {\n			g.mu.Lock()\n			g.drained()\n			g.mu.Unlock()\n		}\n", "", "lun", "Gate|Ordered"},
	{"gate: HEAD OF QUEUE waits in line", "lun/gate.go", "	if t.Attr == AttrHead {\n		g.queue.pushFront(t)", "	if false {\n		g.queue.pushFront(t)", "lun", ""},
	{"task: what is saved and what is in force part", "lun/task.go", "if t.with == withStore {", "if false {", "lun", "TestAbortedWhileSaving"},
	{"task: not checked again after the gate", "lun/dispatch.go", "		if t.admit() {\n			t.cmd.run(t)\n		}\n", "		t.cmd.run(t)\n", "lun", "CheckedAgain"},

	// Blocks (SBC-3).
	{"blocks: beyond the end", "lun/rw.go", "return lba <= g.Blocks && n <= g.Blocks-lba", "return lba <= g.Blocks", "lun", ""},
	{"blocks: more than MAXIMUM TRANSFER LENGTH", "lun/rw.go", "if count > MaxTransfer/bs {", "if false {", "lun", ""},
	{"blocks: FUA is ignored", "lun/rw.go", "return t.CDB[0] >= 0x20 && t.CDB[1]&cdbFUA != 0 || t.unit.is(stateWriteThrough)", "return t.unit.is(stateWriteThrough)", "lun", ""},
	{"blocks: WCE=0 is ignored", "lun/rw.go", "return t.CDB[0] >= 0x20 && t.CDB[1]&cdbFUA != 0 || t.unit.is(stateWriteThrough)", "return t.CDB[0] >= 0x20 && t.CDB[1]&cdbFUA != 0", "lun", ""},
	{"blocks: COMPARE AND WRITE writes whatever it compares", "lun/caw.go", "if at := mismatch(medium, t.Out[:half]); at >= 0 {", "if at := -1; at >= 0 {", "lun", "CompareAndWrite"},
	{"blocks: ORWRITE writes", "lun/caw.go", "	or(t.Out[s.moved:s.moved+n], t.req.Buf)\n", "", "lun", "OrWrite|ORWRITE|ReadModifyWrite"},
	{"blocks: WRITE SAME of zeroes at WCE=0 is not flushed", "lun/writesame.go", "	if t.unit.is(stateWriteThrough) {\n", "	if false {\n", "lun", "WriteSame|Unmap|Through|WriteCache"},
	{"blocks: UNMAP beyond the end", "lun/unmap.go", "		if !g.holds(lba, n) {", "		if false {", "lun", "Unmap"},
	{"blocks: VERIFY compares nothing", "lun/verify.go", "		at = mismatch(medium, t.Out[s.moved:s.moved+int64(len(medium))])\n", "", "lun", "Verify"},

	// Reservations and unit attentions (SPC-4, SPC-2).
	{"reservations: any key will do", "lun/persist_apply.go", "if self < 0 || s.regs[self].key != r.key {", "if self < 0 {", "lun", "Persist|Reserv|PR"},
	{"reservations: a held one is taken", "lun/persist_apply.go", "if !s.holds(r.self) || s.typ != r.typ {", "if false {", "lun", "Persist|Reserv|PR"},
	{"reservations: nobody is told of a release", "lun/persist_apply.go", "	if s.typ.registrants() {\n		e.released = s.others(r.self)\n	}\n	s.typ, s.holder = prNone, nexusID{}\n	e.changed = true", "	s.typ, s.holder = prNone, nexusID{}\n	e.changed = true", "lun", "Persist|Reserv|PR"},
	{"reservations: RESERVE(6) of another", "lun/reserve.go", "case p.reserve != nil && p.reserve != n:", "case false:", "lun", "Reserve"},
	{"reservations: a closed nexus keeps its RESERVE", "lun/reserve.go", "p.reserve != nil && (n == nil || p.reserve == n)", "p.reserve != nil && n == nil", "lun", "Reserve|Nexus"},
	{"attention: told to its cause as well", "lun/ua.go", "func(n *Nexus) bool { return n != except }", "func(n *Nexus) bool { return true }", "lun", ""},
	{"attention: told twice", "lun/ua.go", "if p.CompareAndSwap(old, old&^bit) {", "if true {", "lun", ""},
}
