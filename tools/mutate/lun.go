package main

// lunMutants break the device server.
var lunMutants = []mutant{
	// Order and aborts (SAM-5).
	{"gate: late writes are not gated", "lun/gate_late.go", "if g.late == nil {", "if true {", "lun", "TestAbandonedWrite"},
	{"gate: a late write is never let go of", "lun/gate_late.go", "	g.behind = rest\n", "	g.behind = rest\n	g.behind = taskQueue{}\n", "lun", "TestAbandonedWrite"},
	{"gate: ranges that only touch overlap", "lun/gate_late.go", "a.off < b.end && b.off < a.end", "a.off <= b.end && b.off <= a.end", "lun", "TestAbandonedWrite"},
	{"gate: a reader passes one that runs alone", "lun/gate.go", "	if g.word.Load() == gateOpen {\n		t.gated = gateShared\n		return true\n	}\n	return g.enterSlow(t)", "	t.gated = gateShared\n	return true", "lun", "TestOrdered$|TestRunsAlone$"},
	{"gate: the waiter is not told", "lun/gate.go", "		if g.word.Load() != gateOpen {\n			g.mu.Lock()\n			g.drained()\n			g.mu.Unlock()\n		}\n", "", "lun", "TestOrdered$|TestRunsAlone$"},
	{"gate: HEAD OF QUEUE waits in line", "lun/gate.go", "	if t.Attr == AttrHead {\n		g.queue.pushFront(t)", "	if false {\n		g.queue.pushFront(t)", "lun", "TestHeadOfQueue$"},
	{"task: what is saved and what is in force part", "lun/task.go", "if t.phase == taskSaving {", "if false {", "lun", "TestAbortedWhileSaving"},
	{"task: not checked again after the gate", "lun/dispatch.go", "if t.enter() && t.admit() {", "if t.enter() {", "lun", "CheckedAgain"},

	// Blocks (SBC-3).
	{"blocks: beyond the end", "lun/rw.go", "return lba <= g.Blocks && n <= g.Blocks-lba", "return lba <= g.Blocks", "lun", "TestBeyondTheEnd$"},
	{"blocks: more than MAXIMUM TRANSFER LENGTH", "lun/rw.go", "if count > MaxTransfer/bs {", "if false {", "lun", "TestMaximumTransferLength$"},
	{"blocks: FUA is ignored", "lun/rw.go", "return t.CDB[0] >= 0x20 && t.CDB[1]&cdbFUA != 0 || t.unit.is(stateWriteThrough)", "return t.unit.is(stateWriteThrough)", "lun", "TestFUA$"},
	{"blocks: WCE=0 is ignored", "lun/rw.go", "return t.CDB[0] >= 0x20 && t.CDB[1]&cdbFUA != 0 || t.unit.is(stateWriteThrough)", "return t.CDB[0] >= 0x20 && t.CDB[1]&cdbFUA != 0", "lun", "TestWriteCacheOff$"},
	{"blocks: COMPARE AND WRITE writes whatever it compares", "lun/caw.go", "if at := mismatch(medium, t.Out[:half]); at >= 0 {", "if at := -1; at >= 0 {", "lun", "TestCompareAndWrite$"},
	{"blocks: ORWRITE writes", "lun/caw.go", "	or(t.Out[s.moved:s.moved+n], t.req.Buf)\n", "", "lun", "TestOrWrite$"},
	{"blocks: WRITE SAME of zeroes at WCE=0 is not flushed", "lun/writesame.go", "	if t.unit.is(stateWriteThrough) {\n", "	if false {\n", "lun", "TestWriteCacheOff$|TestWhatPromises"},
	{"blocks: UNMAP beyond the end", "lun/unmap.go", "		if !g.holds(lba, n) {", "		if !g.holds(lba, n) && n == 0 {", "lun", "TestUnmap$"},
	{"blocks: VERIFY compares nothing", "lun/verify.go", "		at = mismatch(medium, t.Out[s.moved:s.moved+int64(len(medium))])\n", "", "lun", "TestVerify$"},

	// Reservations and unit attentions (SPC-4, SPC-2).
	{"reservations: any key will do", "lun/persist_apply.go", "if self < 0 || s.regs[self].key != r.key {", "if self < 0 {", "lun", "TestUnregisteredConflict$"},
	{"reservations: a held one is taken", "lun/persist_apply.go", "if !s.holds(r.self) || s.typ != r.typ {", "if false {", "lun", "TestReserveAndRelease$|TestPersistOutMatrix$"},
	{"reservations: nobody is told of a release", "lun/persist_apply.go", "	if s.typ.registrants() {\n		e.released = s.others(r.self)\n	}\n	s.typ, s.holder = prNone, nexusID{}\n	e.changed = true", "	s.typ, s.holder = prNone, nexusID{}\n	e.changed = true", "lun", "TestReserveAndRelease$|TestReservationsAgainstOracle$"},
	{"reservations: RESERVE(6) of another", "lun/reserve.go", "case p.reserve != nil && p.reserve != n:", "case false:", "lun", "TestReserveRelease$"},
	{"reservations: a closed nexus keeps its RESERVE", "lun/reserve.go", "p.reserve != nil && (n == nil || p.reserve == n)", "p.reserve != nil && n == nil", "lun", "TestReserveIsLost$|TestReserveOfTheDead$"},
	{"attention: told to its cause as well", "lun/ua.go", "func(n *Nexus) bool { return n != except }", "func(n *Nexus) bool { return true }", "lun", "TestModeSelectChanges$"},
	{"attention: told twice", "lun/ua.go", "if p.CompareAndSwap(old, old&^bit) {", "if true {", "lun", "TestTakeAttentionOnce$"},

	// Order behind a late write, and calls that come twice.
	{"gate: ORDERED passes those behind a late write", "lun/gate.go", " && (g.owner.Attr != AttrOrdered || g.behind.head == nil)", "", "lun", "TestOrderedWaitsForThoseBehindALateWrite$"},
	{"gate: one that must be alone keeps others out", "lun/gate_late.go", "	if g.state() == gateClosing && g.stepsAside(g.owner) {", "	if false {", "lun", "TestThoseBehindALateWriteKeepNobodyOut$"},
	{"gate: those behind a late write lose their place", "lun/gate_late.go", "		t.gated = gateWaitShared\n		g.queue.pushFront(t)\n	default", "		t.gated = gateWaitShared\n		g.enqueue(t)\n	default", "lun", "TestOrderedWaitsForThoseBehindALateWrite$"},
	{"gate: an aborted one is waited for", "lun/gate.go", "		g.behind.remove(t)\n		g.drained() //", "		g.behind.remove(t)\n		//", "lun", "TestOrderedWaitsForThoseBehindALateWrite$"},
	{"task: abandoned twice", "lun/task.go", "!t.underWay() || t.Abandoned() {", "!t.underWay() {", "lun", "TestAbandonedWriteKeepsItsBlocks$"},

	// Acknowledged data that is lost: every nexus is told (SPC-4 4.5.7).
	{"loss: told to the first nexus that asks", "lun/loss.go", "	loss := u.loss.Load()\n	if loss <= n.losses.from {\n		return false", "	loss := u.loss.Swap(0)\n	if loss <= n.losses.from {\n		return false", "lun", "TestEveryNexusIsToldOfALoss$"},
	{"loss: a repeated command is not told", "lun/loss.go", "return now-is.at.Load() < lossWindow", "return false", "lun", "TestEveryNexusIsToldOfALoss$"},
	{"loss: told for ever", "lun/loss.go", "return now-is.at.Load() < lossWindow", "return true", "lun", "TestEveryNexusIsToldOfALoss$"},
	{"loss: a write told is a SYNCHRONIZE CACHE told", "lun/loss.go", "	is := &told[kind]\n", "	is := &told[promisesWrite]\n", "lun", "TestWriteToldIsNotSyncTold$"},
	{"loss: a port that comes back is a stranger", "lun/loss.go", "	if known, ok := tg.seen[port]; ok {\n		return known\n	}\n", "", "lun", "TestWhoComesBackIsTold$"},
	{"loss: another port of the initiator is a stranger", "lun/loss.go", "	if found {\n		return best", "	if found && false {\n		return best", "lun", "TestWhoComesBackIsTold$"},
	{"loss: told on every unit", "lun/loss.go", "	loss := u.loss.Load()\n	if loss <= n.losses.from {\n		return false", "	loss := u.target.losses.Load()\n	if loss <= n.losses.from {\n		return false", "lun", "TestLossOfOneUnit$"},
	{"loss: WCE=0 promises nothing", "lun/loss.go", "	if through {\n		return stepWritten", "	if through && false {\n		return stepWritten", "lun", "TestWhatPromisesTellsOfALoss$"},
	{"loss: a write that fails is everybody's", "lun/loss.go", "		t.scratch.cause = nil //", "		t.unit.lose(t.Loop.Now(), err) //", "lun", "TestFUAWriteThatFails$"},
	{"loss: the flush of a failed write is the command's own", "lun/loss.go", "	t.unit.lose(t.Loop.Now(), t.scratch.cause)\n", "", "lun", "TestFUAWriteThatFails$"},
	{"loss: the flush of an aborted write is forgotten", "lun/task.go", "if t.Aborted() && t.req.FUA && t.unit.geometry().Volatile {", "if false {", "lun", "TestAbortedFlushLatches$"},

	// Flushes.
	{"flush: several at once", "lun/flush.go", "	if f.busy.CompareAndSwap(false, true) {\n		f.run(l)\n	}\n", "	f.run(l)\n", "lun", "TestFlushesDoNotPassEachOther$|TestFlushesAreShared$"},
	{"flush: a loss is noted after the answers", "lun/flush.go", "	if err != nil {\n		f.unit.FlushFailed(err, f.loop.Now())\n	}\n", "", "lun", "TestFlushesDoNotPassEachOther$|TestEveryNexusIsToldOfALoss$"},
	{"flush: one for each that waits", "lun/flush.go", "		f.batch = oldestFirst(f.waiting.Swap(nil))\n", "		f.batch = f.waiting.Load()\n		if f.batch != nil {\n			f.waiting.Store(f.batch.Retry)\n			f.batch.Retry = nil\n		}\n", "lun", "TestFlushesAreShared$"},
	{"flush: answered on the flush's loop", "lun/flush.go", "l.Index() == here {", "l.Index() == here || true {", "lun", "TestFlushesAreShared$"},
	{"flush: SYNCHRONIZE CACHE of a medium without a cache", "lun/sync.go", "	t.ioRange(OpSync, 0, 0, stepSynced)\n", "	if !t.unit.geometry().Volatile {\n		t.good()\n		return\n	}\n	t.ioRange(OpSync, 0, 0, stepSynced)\n", "lun", "TestFlushAlwaysReachesTheBackend$"},

	// Faults and what they are called.
	{"health: a busy medium is a fault", "lun/health.go", "case errors.Is(err, ErrBusy), errors.Is(err, ErrUnsupported):", "case errors.Is(err, ErrUnsupported):", "lun", "TestHealthCountsFaults$"},
	{"health: an aborted command has no fault", "lun/task.go", "	if err != nil && t.req.Kind != OpSync {", "	if err != nil && t.req.Kind != OpSync && !t.Aborted() {", "lun", "TestHealthCountsFaults$"},
	{"health: data lost is no worse than a bad block", "lun/health.go", "if f.Kind == FaultDataLost || f.Kind == FaultGone {", "if f.Kind == FaultGone {", "lun", "TestEveryNexusIsToldOfALoss$"},
	{"gone: TEST UNIT READY does not look", "lun/gone.go", "	if !t.unit.is(stateGone) {", "	if true {", "lun", "TestGoneMediumIsNotReady$"},
	{"gone: for good", "lun/gone.go", "		t.unit.clear(stateGone)\n", "", "lun", "TestGoneMediumIsNotReady$"},
	{"errors: INFORMATION is a guess", "lun/errors.go", "one || errors.Is(err, ErrBlock)", "one || err != nil", "lun", "TestBackendErrors$"},
	{"refresh: a medium that is read-only now", "lun/unit.go", "		u.protect(&g)\n		u.attendAll", "		u.attendAll", "lun", "TestMediumChangesUnderWay$"},
	{"refresh: a cache that is on now", "lun/unit.go", "		u.throughAgain()\n", "", "lun", "TestMediumChangesUnderWay$"},
	{"refresh: ro is lifted", "lun/unit.go", "if u.cfg.ReadOnly || g.ReadOnly {", "if g.ReadOnly {", "lun", "TestReadOnlyUnitStaysSo$"},
	{"claims: a registration is anybody's", "lun/claims.go", "other != cfg.Account && known(other)", "false && known(other)", "lun", "TestRegistrationIsItsAccounts$"},
	{"claims: of an account that is no more", "lun/claims.go", " && known(other)", "", "lun", "TestRegistrationIsItsAccounts$"},
	{"claims: forgotten at a restart", "lun/persist_store.go", "r.RelPort, key, r.Account}", "r.RelPort, key, \"\"}", "lun", "TestRegistrationIsItsAccounts$"},

	// Files and devices.
	{"cut: a write does not look", "lun/backend/cut.go", "	if r.Kind != lun.OpRead {\n		d.lookSometimes(l.Now())\n	}\n", "", "lun/backend", "TestCutFile$|TestWritesLookRarely$"},
	{"cut: every write looks", "lun/backend/cut.go", "if d.cut.watched && d.cut.due(now) {", "if d.cut.watched {", "lun/backend", "TestWritesLookRarely$"},
	{"cut: what comes back is whole", "lun/backend/cut.go", "	if off+n <= from || off >= c.to.Load() {\n		return n", "	if off+n <= from {\n		return n", "lun/backend", "TestCutFileStaysCut$"},
	{"cut: blocks before the end are lost", "lun/backend/cut.go", "return max(from-off, 0)", "return 0", "lun/backend", "TestCutFile$"},
	{"cut: a sync says all is there", "lun/backend/cut.go", "if d.cut.owed.Load() && d.cut", "if false && d.cut", "lun/backend", "TestSyncAfterCut$"},
	{"cut: lost blocks are deallocated", "lun/backend/cut.go", "	if from == whole {\n		return lseek\n	}\n", "	if to == to {\n		return lseek\n	}\n", "lun/backend", "TestLostBlocksAreNotDeallocated$"},
	{"search: the first block of the request", "lun/backend/search.go", "	if bad-r.Moved <= bs {", "	if bad-r.Moved <= 9*bs {", "lun/backend", "TestBadBlockIsFound$"},
	{"search: as long as it takes", "lun/backend/search.go", "r.Scratch[1]>>32 > maxSearch || (now-r.Scratch[0]>>32)&low32 > searchFor", "r.Scratch[1]>>32 > maxSearch", "lun/backend", "TestSearchIsBounded$"},
	{"search: a read that passes goes on searching", "lun/backend/search.go", "		r.Scratch[0] = 0 //", "		//", "lun/backend", "TestBadBlock"},
	{"search: writes are repeated", "lun/backend/search.go", "return r.Kind == lun.OpRead && r.Len <= low32", "return r.Len <= low32", "lun/backend", "TestFailedWriteNamesNoBlock$"},
	{"search: for every error", "lun/backend/search.go", " && errors.Is(err, lun.ErrMedium)", " && errors.Is(err, err)", "lun/backend", "TestOtherReadErrors$"},
	{"traits: an unknown write cache is none", "lun/backend/traits.go", "q.text(\"write_cache\") != \"write through\"", "q.text(\"write_cache\") == \"write back\"", "lun/backend", "TestUnknownTraits$"},
	{"traits: EOPNOTSUPP holds for ever", "lun/backend/traits.go", "	d.canPunch.Store(d.geom.Thin)\n", "", "lun/backend", "TestRefusedRangesComeBack$"},
	{"errno: a device that is gone is broken", "lun/backend/errno.go", "unix.ENXIO, unix.ENODEV, unix.ESTALE,", "unix.ENXIO, unix.ESTALE,", "lun/backend", "TestLostDeviceIsNoLackOfPunching$"},
	{"inspect: what is found lost is served", "lun/backend/inspect.go", "	f.ends(st.Size)\n", "", "lun/backend", "TestInspectFile$"},
	{"open: another file is served", "lun/backend/disk.go", "	if why := medium.Differs(s.Is, seen); why != \"\" {", "	if why := medium.Differs(s.Is, seen); why == \"?\" {", "lun/backend", "TestSpecIs$"},
	{"medium: a copy is the original", "internal/medium/fingerprint.go", "		case v != k.value:\n", "		case v == \"?\":\n", "internal/medium", "TestFile$|TestDiffers$"},
	{"medium: a disk is its partition", "internal/medium/fingerprint.go", "var always = []string{factPart, factOffset}", "var always = []string{factOffset}", "internal/medium", "TestDiffers$|TestDevice$"},
	{"medium: shrunk", "internal/medium/fingerprint.go", "; is < was {", "; is < 0*was {", "internal/medium", "TestDiffers$"},
	{"medium: a deleted file is still there", "internal/medium/still.go", "&& open.Nlink == 0", "&& open.Nlink == 99", "internal/medium", "TestStillAt$"},
}
