package main

// engineMutants break the event loop; the simulation and the tests with real sockets must see it.
var engineMutants = []mutant{
	// Logins and their ends, for log and counters.
	{"logins: a refusal has no reason", "engine/logins.go", "	l.logins.refusals[r]++\n", "", "engine", "TestLoginLines|TestRefusalLines"},
	{"logins: an end counts twice", "engine/logins.go", "	first := c.phase < connFlushing\n", "	first := true\n", "engine", "TestLoginLines"},
	{"logins: refusals fill the log", "engine/lines.go", "	if b.have == 0 {\n", "	if false {\n", "engine", "Lines"},
	{"logout: nothing is waited for", "engine/sessions.go", "	for _, c := range over {\n", "	for _, c := range over[:0] {\n", "engine", "TestLogOut|TestNoLogin"},

	// Between the protocol and the loop.
	{"engine: redeliver dropped", "session/conn_turn.go", "d.redeliver = d.redeliver || again", "_ = again", "engine", "TestDelivery"},
	{"engine: window not told after Resize", "session/session.go", "		s.each(nil, Message{kind: messageWindow})\n", "", "engine", "TestSimulation|TestScenarios"},
	{"engine: TTT FFFFFFFFh is given", "session/r2t.go", "	if tags.latest == pdu.ReservedTag {\n		tags.latest = 1\n	}\n", "", "engine", "TestSimulation|TestScenarios"},
	{"engine: dirty left set on a moved connection", "engine/conn.go", " && !c.dirty { // if it was marked again, it is pumped again this turn", " {", "engine", "TestMarked"},
	{"engine: an aborted task is given up in the time of another", "engine/execute.go", "t.phase == taskAborting && t.abandonAt <= l.now", "t.phase == taskAborting", "engine", "TestTimeOfAnAbortIsItsTasks"},
	{"engine: one EINVAL turns hole punching off", "lun/backend/disk.go", "		if e != unix.EINVAL {\n", "		if true {\n", "engine", "TestSimulation|TestScenarios"},

	// Sending and receiving.
	{"engine: a short send is the whole of it", "engine/send.go", "	if n := max(int(cqe.Res), 0); n < b.bytes {\n		b.advance(n)\n		b.submit(c)\n		return\n	}\n", "", "engine", "TestSimulation|TestScenarios"},
	{"engine: a short send begins again", "engine/send.go", "		b.advance(n)\n		b.submit(c)", "		b.submit(c)", "engine", "TestSimulation|TestScenarios"},
	{"engine: a failed send keeps its batch", "engine/send.go", "		c.transportEnds(cqe.Res)\n		c.sent()\n		c.mark()\n		return", "		c.transportEnds(cqe.Res)\n		c.mark()\n		return", "engine", "TestSimulation|TestScenarios"},
	{"engine: a block is freed with the task, not with the send", "engine/send.go", "	b.blocks[b.nblk] = t.buf\n	b.nblk++\n", "	c.loop.release(t.buf)\n", "engine", "TestSimulation|TestScenarios"},
	{"engine: a zero-copy batch is freed with its send", "engine/send.go", "	if b.notices > 0 {\n", "	if false {\n", "engine", "TestSimulation|TestScenarios"},
	{"engine: a zero-copy batch is freed with its first notification", "engine/zerocopy.go", "	if b.phase == batchNotifying && b.notices == 0 {", "	if b.phase == batchNotifying || b.notices == 0 {", "engine", "TestSimulation|TestScenarios"},
	{"engine: memory that a batch does not hold is sent without a copy", "engine/zerocopy.go", "			if k++; k == b.nblk {\n				return false", "			if k++; k == b.nblk {\n				return true", "engine", "TestSimulation|TestScenarios"},
	{"engine: a connection is dropped before its notifications", "engine/conn.go", "c.send.notifying == 0 && c.s.Over()", "c.s.Over()", "engine", "TestSimulation|TestScenarios"},
	{"engine: a closed socket keeps what was not acknowledged", "engine/accept.go", "unix.TCP_USER_TIMEOUT, int(lingerGrace.Milliseconds())", "unix.TCP_KEEPIDLE, int(lingerGrace.Milliseconds())", "engine", "TestSimulation|TestScenarios"},
	{"engine: ENOBUFS ends the connection", "engine/recv.go", "case cqe.Res == -int32(unix.ENOBUFS):", "case false:", "engine", "TestReceiveBuffersGoRound"},
	{"engine: a used receive buffer is lost", "engine/recv.go", "		l.recvBufs.Recycle(id)\n", "", "engine", "TestSimulation|TestScenarios"},
	{"engine: memory that a payload is received into is freed", "engine/recv.go", "	if within(r.direct, block) {\n		return true\n	}\n	return within(s.Framer().Pending(), block)", "	return false", "engine", "TestBlockStaysWhileItsPayloadArrives"},

	{"engine: a segment is sent before it is filled", "engine/send.go", "	b.complete(nil)\n	b.enter(batchSending)\n", "	b.enter(batchSending)\n", "engine", "TestSimulation|TestScenarios"},
	{"engine: a segment is filled after its task has gone", "engine/send.go", "				b.complete(nil) // the memory stays with the task\n", "				_ = b // the memory stays with the task\n", "engine", "TestSegmentOfARunningCommandIsFilledAtOnce"},

	// Waiting.
	{"engine: one late answer ends polling", "engine/poll.go", "p.window /= pollDecay; p.window < pollMin", "p.window = 0; p.window < pollMin", "engine", "TestPoller"},
	{"engine: an idle loop goes on polling", "engine/poll.go", "			p.window = 0\n", "			p.window = pollMin\n", "engine", "TestPoller"},
	{"engine: disk operations wait while their answers do", "engine/loop.go", "	if l.ios.done.len() > 0 { //", "	if false { //", "engine", "TestDiskAnswersWaitForNothing"},

	// Memory and deadlines.
	{"engine: a task that waits for memory never gets any", "engine/loop.go", "			l.serveWaiting()\n", "", "engine", "TestSimulation|TestScenarios"},
	{"engine: one initiator takes the whole arena", "engine/share.go", "	return sh.held == 0 && left >= l.arena.size()/arenaShares", "	return true", "engine", "Share|Neighbour|Initiator"},
	{"engine: a narrowed window stays narrow", "engine/share.go", "			o.s.Session().Resize(session.MaxWindow)\n", "			_ = session.MaxWindow\n", "engine", "TestWindowIsNarrowWhileMemoryIsWaitedFor"},
	{"engine: the share of a task that ends is kept", "engine/conn.go", "	c.unhold(t.held)\n", "", "engine", "TestSimulation|TestScenarios|Share"},
	{"engine: freed halves are never merged", "engine/arena.go", "	a.coalesce()\n	return a.take(o, ready)\n", "	return a.take(o, ready)\n", "engine", "Arena"},
	{"engine: an initiator that takes no answers stays", "engine/deadline.go", "		c.s.Terminate(l.now, errNothingTaken)\n", "", "engine", "TestHoldersOfMemoryAreEnded"},
	{"engine: every reset sweeps", "engine/sweep.go", "if s.sweepKey == k {", "if false {", "engine", "TestResetsShareASweep"},
	{"engine: a sweep ends the requester's own tasks", "engine/sweep.go", "t.conn.nexus() == s.from || ", "", "engine", "TestSimulation|TestScenarios|Reset"},
	{"engine: an aborted task is answered before it has ended", "engine/execute.go", "	if t.phase != taskAborting {\n		return // Abort ended it at once\n	}\n", "	if t.phase == taskAborting {\n		t.enter(taskAbandoned)\n		c.s.Aborted(c.loop.now, &t.s)\n	}\n", "engine", "TestSimulation|TestScenarios|Abort"},
	{"engine: mail of a sleeping loop does not wake it", "engine/mailbox.go", "	if m.rouse() {\n		m.wake()\n	}\n", "	m.rouse()\n", "engine", "TestSimulation|TestScenarios|Mail"},
	{"engine: a deadline moves later only", "engine/timers.go", "	case at < t.heap[i].at:\n		t.up(i, timer{at: at, conn: c})\n", "", "engine", "Timer"},
	{"engine: a reset is of the unit that the LUN is for others", "engine/manage.go", "	if u := t.l.Unit(); u != nil {\n		return u\n	}\n", "", "engine", "TestTaskManagementNamesWhatIsSeen"},
	{"engine: one that sees less ends all sessions", "engine/manage.go", "		if !nexus.SeesAll() {", "		if false {", "engine", "TestResetsUnderMasking"},
	{"engine: a warm reset ends commands of masked units", "engine/sweep.go", "return u != nil && s.from.Sees(u)", "return true", "engine", "TestResetsUnderMasking"},

	// Portals and units that come and go.
	{"engine: the accept of a closed listener is submitted again", "engine/accept.go", "	case ln.phase == listenerClosing:\n		l.closed(i)\n", "", "engine", "Portal|TestSimulation"},
	{"engine: a listener's place is used while its accept is under way", "engine/accept.go", "		if ln.phase == listenerResting {\n			l.closed(i)", "		if ln.phase <= listenerResting {\n			ln.phase = listenerResting\n			l.closed(i)", "engine", "Portal"},
	{"engine: connections stay when their portal is removed", "engine/portal.go", "		if c != nil && c.portal == p {\n", "		if false {\n", "engine", "Portal"},
	{"engine: a portal is bound twice", "engine/portal.go", "	case addr.Port() != 0 && e.portals.at(addr) != nil:", "	case false:", "engine", "Portal"},
	{"engine: a removed unit's file stays registered", "engine/removal.go", "		l.files.forget(op)\n", "		_ = op\n", "engine", "Removed"},
	{"engine: a slot that was emptied is never used again", "engine/files.go", "			f.free = append(f.free, int32(i))\n", "", "engine", "Removed"},
	{"engine: an emptied slot keeps its descriptor's number", "engine/files.go", "			f.byFD[s.fd] = 0\n", "", "engine", "Removed"},
	{"engine: a removal waits for no command", "engine/withdraw.go", "			w.pending.Add(1)\n", "			w.pending.Add(0)\n", "engine", "Remov"},
	{"engine: a removal overlooks commands whose connection has ended", "engine/withdraw.go", "	for t := l.orphans; t != nil; t = t.next {\n		count(t)\n	}\n", "", "engine", "Removed"},
	{"engine: commands behind an evicted one stay at the gate", "engine/withdraw.go", "		t.l.Abandon() //", "		_ = use //", "engine", "TestMaskedCommandHoldsNobodyUp"},
	{"engine: an evicted command's memory is sent and freed", "engine/send.go", "	if t.buf == nil || t.inServer() {", "	if t.buf == nil {", "engine", "Removed"},
	{"engine: memory is freed before it is sent", "engine/removal.go", "			found = found || at >= begin && at <= end\n", "			found = found || false && at >= begin && at <= end\n", "engine", "Removed"},
	{"engine: answers that wait for a batch are overlooked", "engine/removal.go", "found = found || t.phase == taskAnswering && t.l.Unit() == u", "found = found || false && t.l.Unit() == u", "engine", "Removed"},
	{"engine: the memory bound ignores new units", "engine/device.go", "		t.Watch(e)\n", "		_ = t\n", "engine", "MemoryBound"},
	{"engine: a target that is gone is reported", "engine/device.go", "		l.Post(devicesChanged{l})\n", "		_ = l\n", "engine", "Statistics"},
	{"engine: a unit is handed over with commands in progress", "engine/withdraw.go", "!t.l.Nexus.Sees(w.unit)", "w.unit.Removed()", "engine", "TestMaskedUnitIsAtRest/drains"},
	{"engine: those who see the unit are waited for", "engine/withdraw.go", " && !t.l.Nexus.Sees(w.unit)", "", "engine", "TestMaskedUnitIsAtRest"},

	{"engine: commands that wait outlast their unit", "engine/withdraw.go", "		l.refuseWaiting(u)\n", "", "engine", "TestMaskedHeldCommands|TestMaskedCommandsThatWait"},
	{"engine: a command that is refused costs", "engine/held.go", "	if t.l.Gone() {\n		return false\n	}\n", "", "engine", "TestMaskedHeldCommands"},
	{"engine: a command that is refused waits for memory", "engine/execute.go", "if t.l.Gone() { //", "if false { //", "engine", "TestMaskedCommandsThatStart"},

	// Limits of traffic.
	{"engine: a copy counts as a write alone", "engine/held.go", "		if cost.Direction == lun.Free {\n", "		if cost.Direction == lun.Free || i > 0 {\n", "engine", "TestCopies"},
	{"engine: a limit counts a held copy twice", "engine/held.go", "bool { return m.limit == p[i].limit })", "bool { return m.limit == nil })", "engine", "TestCopies"},
	{"engine: an idle limit saves up without end", "engine/rate.go", "		if b.paid.CompareAndSwap(paid, max(paid, now-b.burst.Load())+cost) {\n			return true\n", "		if b.paid.CompareAndSwap(paid, paid+cost) {\n			return true\n", "engine", "TestBucket"},
	{"engine: a command that may not start counts", "engine/rate.go", "		m.ops.giveBack(op)\n", "", "engine", "TestMeter|TestLimits"},
	{"engine: a command overtakes those that are held", "engine/held.go", "path[paid].free() && path[paid].take(now, bytes)", "path[paid].take(now, bytes)", "engine", "TestHeldCommandsAreNotOvertaken"},
	{"engine: who was served is forgotten at once", "engine/held.go", "q.first.tag <= m.virtual.Load() || m.free()", "m != nil", "engine", "TestLimitsAreFair"},
	{"engine: the first loop to wake takes all of a limit", "engine/held.go", "f.tag > others && l.now-m.ready(n) < heldPatience", "f.tag > others && false", "engine", "TestLimitsAreFair"},
	{"engine: what an aborted command has paid is lost", "engine/held.go", "	if first {\n		f.giveBack(t, f.paid)\n	}\n", "", "engine", "TestAbortReturnsWhatWasPaid"},
	{"engine: a new rate waits for the old timer", "engine/limit.go", "			e.l.serveHeld(q)\n", "", "engine", "TestHeldCommandsEnd|TestLimitsChange"},
	{"engine: held commands have no timer", "engine/held.go", "		q.loop.timers.add(timer{at: at, event: q})\n", "", "engine", "TestLimitsHold"},
	{"engine: a held command that is to be aborted starts", "session/execute.go", "	if t.st.phase != phaseDeferred {\n		return false\n	}\n", "", "engine", "TestSimulation"},
	{"engine: an ORDERED command passes a held one", "session/order.go", "r.st.phase < phaseRunning && b.covers(r)", "r.st.phase <= phaseReady && b.covers(r)", "engine", "TestOrderedWaitsForHeld"},
}
