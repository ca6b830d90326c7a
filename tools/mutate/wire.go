package main

// wireMutants are faults of the protocol that an initiator can see: `ringtgt conform` has to find them. The daemon is built with the
// fault, and the suite is not.
var wireMutants = wire([]fault{
	// Login and negotiation (RFC 7143, 6, 11.12, 11.13, 13).
	{"login: no TSIH in the final response (11.13.3)", "session/login_grant.go", "		resp.SetTSIH(l.sess.TSIH)\n", ""},
	{"login: no TargetPortalGroupTag (13.9)", "session/login_steps.go", `		x.out = pdu.AppendText(x.out, "TargetPortalGroupTag", strconv.Itoa(int(l.tpgt)))` + "\n", ""},
	{"login: a key that is not understood goes unanswered (6.2)", "session/login_steps.go", `			x.out = pdu.AppendText(x.out, kv.Key, "NotUnderstood") // 6.2` + "\n", ""},
	{"login: a key may come twice (6.3)", "session/login_steps.go", `key := x.l.seen.add(x.keys, x.repeats()); key != ""`, `key := x.l.seen.add(x.keys, x.repeats()); key == "-"`},
	{"login: any version (11.12.4)", "session/login_steps.go", "case q.VersionMin() > 0:", "case q.VersionMin() > 255:"},
	{"login: no InitiatorName needed (13.5)", "session/login_steps.go", `if !ok || name == "" {
		return refuse(pdu.LoginMissingParameter, "no InitiatorName")
	}`, `if !ok || name == "" {
		name = "iqn.2026-11.com.example:nobody"
	}`},
	{"login: another status for an unknown target (11.13.5)", "session/login_steps.go", `refuse(pdu.LoginNotFound, "no target "`, `refuse(pdu.LoginTargetError, "no target "`},
	{"login: stages in any order (6.3)", "session/login_steps.go", "case q.Transit() && (q.NSG() <= q.CSG() || q.NSG() == 2):", "case false:"},
	{"login: T and C bit together (11.12.2)", "session/login_steps.go", "case q.Transit() && q.Continue():", "case false:"},
	{"login: ISID, TSIH and CID may change (11.12)", "session/login_steps.go", "case q.ISID() != l.isid, q.TSIH() != l.tsih, q.CID() != l.cid:", "case false:"},
	{"login: text in pieces is not put together (6.2)", "session/login.go", "		l.gather = append(l.gather, text...)\n", ""},
	{"login: the larger of two minimum-function numbers (13.13)", "session/negotiate.go", "r := min(uint32(v), row.num(&n.limits))", "r := max(uint32(v), row.num(&n.limits))"},
	{"login: OR for AND (13.11)", "session/negotiate.go", "if row.kind == keyAnd {", "if row.kind != keyAnd {"},
	{"login: numbers out of range (6.2)", "session/negotiate.go", "v, err := pdu.ParseNumber(value, row.lo, row.hi)\n	if err != nil {\n		return answerReject\n	}\n	r :=", "v, err := pdu.ParseNumber(value, 0, 1<<32-1)\n	if err != nil {\n		return answerReject\n	}\n	r :="},
	{"login: an ITT of our own (11.13)", "session/login_answer.go", "	resp.SetITT(req.ITT())\n", "	resp.SetITT(req.ITT() + 1)\n"},
	{"chap: any response will do (12.1.3)", "session/chap.go", "if subtle.ConstantTimeCompare(sum, response)&subtle", "if subtle.ConstantTimeCompare(sum, sum)&subtle"},
	{"chap: our own challenge is answered (9.2.1)", "session/chap.go", "if bytes.Equal(challenge, s.challenge) {", "if bytes.Equal(nil, s.challenge) {"},
	{"chap: a response before the challenge passes the step (9.2)", "session/chap.go", "if _, early := get(key); early {", "if false {"},
	{"chap: a missing key is a failure to authenticate (9.2)", "session/chap.go", "	case errCHAPMissing:\n		return pdu.LoginMissingParameter\n", ""},
	{"discovery: unnamed sessions side by side (7.4.2.1)", "session/login_grant.go", "	if l.unnamed {", "	if false {"},
	{"discovery: SendTargets shows nothing (Appendix C)", "session/sendtargets.go", `		if value == "All" {`, `		if value == "" {`},

	// Numbers (4.2.2).
	{"numbers: StatSN stands still (4.2.2.2)", "session/statsn.go", "		c.sn.statSN++\n", "		_ = c.sn\n"},
	{"numbers: a CmdSN below the window is executed (4.2.2.1)", "session/command.go", "if !immediate && !c.sess.window.Welcome(sn) {", "if c.sess.window.ExpCmdSN()-sn < 4 && sn != c.sess.window.ExpCmdSN() {\n		immediate = true\n	}\n	if !immediate && !c.sess.window.Welcome(sn) {"},
	{"numbers: an R2T uses a StatSN up (11.8)", "session/r2t.go", "c.stamp(ev, snCurrent)", "c.stamp(ev, snNext)"},

	// Data (4.2.5, 11.7, 11.8).
	{"data-in: DataSN stands still (11.7.5)", "session/datain.go", "	in.dataSN++\n", ""},
	{"data-in: longer than the initiator declared (13.12)", "session/datain.go", "min(left, c.cp.MaxXmitDataSegmentLength, p.MaxBurstLength-in.burst)", "min(left, p.MaxBurstLength-in.burst)"},
	{"data-in: no F bit at the end of a burst (11.7.1)", "session/datain.go", "if in.sent == in.length || in.burst == p.MaxBurstLength {", "if in.sent == in.length {"},
	{"data-out: DataSN is not looked at (11.7.5)", "session/dataout.go", "case h.DataSN() != s.dataSN:", "case false:"},
	{"data-out: unsolicited with InitialR2T=Yes (13.10)", "session/command.go", "case !t.st.final && p.InitialR2T:", "case false:"},
	{"data-out: immediate with ImmediateData=No (13.11)", "session/command.go", "case n > 0 && !p.ImmediateData:", "case false:"},
	{"r2t: longer than MaxBurstLength (13.13)", "session/r2t.go", "min(uint32(len(t.Out))-o.asked, c.sess.Params.MaxBurstLength)", "uint32(len(t.Out))-o.asked"},
	{"r2t: R2TSN stands still (11.8.3)", "session/r2t.go", "	o.r2tSN++\n", ""},
	{"answer: underflow untold (11.4.5)", "session/response.go", "case moved < edtl:", "case false:"},
	{"answer: overflow untold (11.4.5)", "session/response.go", "case required > edtl:", "case false:"},

	// Requests that are not commands (11.10 to 11.19).
	{"nop: the ping comes back empty (11.19)", "session/nop.go", "	ev.Data = data[:min(len(data), int(most))]\n", ""},
	{"logout: an unknown CID is logged out (11.15.1)", "session/logout.go", "			o.task = nil\n			return pdu.LogoutResponseCIDNotFound", "			break"},
	{"text: one exchange in another (11.10.4)", "session/text.go", "case !fresh && (x.ttt == 0 || h.TTT() != x.ttt || h.ITT() != x.itt):", "case false:"},
	{"tmf: a task that is not there is aborted (11.6.1)", "session/tmf.go", "		m.managed(t, pdu.TMFResponseTaskDoesNotExist)\n", "		m.managed(t, pdu.TMFResponseComplete)\n"},
	{"tmf: ABORT TASK of a CmdSN that has not come does not exist (11.6.1)", "session/tmf.go", "case pdu.SNLess(ref, t.CmdSN) && m.conn.plug(ref):", "case ref != ref:"},
	{"reject: without the header of what was rejected (11.17.4)", "session/reject.go", "		r.h.SetDataLen(pdu.BHSLen)\n", "		r.echo = false\n"},
	{"snack: ignored at level 0 (11.16)", "session/conn_header.go", "		c.refuse(pdu.RejectSNACK)\n", ""},
	{"digest: a wrong data digest is taken (7.8)", "session/conn_header.go", "if !digestOK && rx.act != actLogin {", "if false {"},
	{"login: a second one in full feature phase is ignored (6.3)", "session/conn_header.go", "		// in such a state could understand.\n		c.fail(errLoginInFullFeature)\n", ""},
})

// conformPkg has the tests that run the suite against a daemon.
const conformPkg = "internal/conform/cases"

// fault is a change to one file of the daemon.
type fault struct{ name, file, old, new string }

// wire returns the mutants of a list of faults.
func wire(faults []fault) (all []mutant) {
	for _, f := range faults {
		all = append(all, mutant{name: "wire: " + f.name, file: f.file, old: f.old, new: f.new,
			pkg: conformPkg, run: "TestRingtgtConforms"}) // with CHAP, too
	}
	return all
}
