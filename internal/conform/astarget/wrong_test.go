package astarget

import (
	"slices"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/rawclient"
	"github.com/ringtgt/ringtgt/pdu"
)

// wrong are initiators that break a rule, one for each check.
var wrong = map[string]func(l *lab){
	"4.2.2.1/0":  func(l *lab) { l.begun(); l.CmdSN += window; l.do(0) },
	"4.2.2.1/0a": func(l *lab) { l.only(closedWindow).begun(); fill(l); l.do(0) },
	"4.2.2.1/1":  func(l *lab) { l.begun(); l.CmdSN += 3; l.put(l.Next(pdu.OpNOPOut, true), nil) },
	"4.2.2.1/2":  func(l *lab) { l.begun(); l.do(0); l.put(l.Next(pdu.OpNOPOut, true), nil); l.CmdSN++; l.do(0) },
	"4.2.2.1/3":  func(l *lab) { l.begun(); l.do(0); l.CmdSN++; l.do(0) },
	"4.2.2.1/7": func(l *lab) {
		l.begun("MaxConnections", "2")
		l.join(2)
		l.CmdSN++
		l.do(0)
		l.CmdSN -= 2
		l.do(0)
	},
	"4.2.2.2/3": func(l *lab) {
		l.begun()
		for range unacknowledged + 1 {
			l.put(l.Next(pdu.OpNOPOut, true), nil)
		}
	},
	"4.2.2.4/1": func(l *lab) {
		l.begun()
		h := l.write(8, 0, true)
		r := l.r2t()
		l.out(h.ITT(), r.TTT(), 1, 0, 4096, true)
	},
	"4.2.4/2": func(l *lab) { l.partly(); l.put(l.Next(pdu.OpNOPOut, true), nil) },
	"4.2.4/3": func(l *lab) { l.put(l.Next(pdu.OpNOPOut, true), nil) },
	"4.2.4/4": func(l *lab) { l.login(); l.put(request1().Header(), nil) },
	"4.2.5.1/3": func(l *lab) {
		l.begun("MaxConnections", "2")
		other := l.join(2)
		h := l.write(8, 0, true)
		other.out(h.ITT(), l.r2t().TTT(), 0, 0, 4096, true)
	},
	"4.2.5.2/1": func(l *lab) { l.begun("FirstBurstLength", "512"); l.write(8, 1024, true) },
	"4.2.5.2/2": func(l *lab) {
		l.begun("InitialR2T", "No")
		h := l.write(8, 0, false)
		l.out(h.ITT(), pdu.ReservedTag, 0, 0, 512, true)
	},
	"4.2.5.2/3": func(l *lab) { l.begun(); h := l.write(8, 0, true); l.out(h.ITT(), l.r2t().TTT(), 0, 0, 512, true) },
	"4.2.5.2/7": func(l *lab) {
		l.begun("InitialR2T", "No")
		l.write(8, 0, false)
		h := l.write(8, 0, false)
		l.out(h.ITT(), pdu.ReservedTag, 0, 0, 4096, true)
	},
	"4.2.5.3/1": func(l *lab) {
		l.begun()
		h := l.write(8, 0, true)
		l.put(l.DataOut(1, h.ITT(), l.r2t().TTT(), 0, 0, true), make([]byte, 4096))
	},
	"4.3/2":   func(l *lab) { l.login("SessionType", "Discovery"); l.do(0) },
	"6.1/0":   func(l *lab) { l.put(request1().Header(), []byte("a b=c\x00")) },
	"6.1/1":   func(l *lab) { l.put(request1().Header(), []byte("InitiatorName=iqn.2026-11.com.example:x")) },
	"6.2/1":   func(l *lab) { l.loginAs(request1(func(q *rawclient.Login) { q.Continue = true })) },
	"6.2/3":   func(l *lab) { l.only("response with the C bit").loginAs(request1()); l.again("MaxBurstLength", "512") },
	"6.2/7":   func(l *lab) { l.only("a key that nobody knows").loginAs(request1()); l.again() },
	"6.2/11":  func(l *lab) { l.loginAs(request1(), "MaxBurstLength", "Irrelevant") },
	"6.2.2/2": func(l *lab) { l.loginAs(request1(), "MaxBurstLength", "511") },
	"6.3/0": func(l *lab) {
		l.secure(pdu.StageLoginOperationalNegotiation, true, append(slices.Clone(who), "MaxBurstLength", "512")...)
	},
	"6.3/0a": func(l *lab) {
		l.partly()
		l.loginAs(request1(func(q *rawclient.Login) { q.ITT++; q.ExpStatSN = l.ExpStatSN }))
	},
	"6.3/0b": func(l *lab) { l.loginAs(request1(func(q *rawclient.Login) { q.NSG = 2 })) },
	"6.3/2":  func(l *lab) { l.put(request1().Header(), rawclient.Text("TargetName", labTarget)) },
	"6.3/3":  func(l *lab) { l.put(request1().Header(), rawclient.Text("InitiatorName", labInitiator)) },
	"6.3/5": func(l *lab) {
		l.partly()
		l.put(request1(func(q *rawclient.Login) { q.CSG = pdu.StageSecurityNegotiation }).Header(), nil)
	},
	"6.3/10": func(l *lab) { l.loginAs(request1(), "InitiatorName", labInitiator) },
	"6.3.3/2": func(l *lab) {
		l.only("another round of login").loginAs(request1())
		l.put(request1(func(q *rawclient.Login) { q.Transit = false }).Header(), nil)
	},
	"7.1.4.3/1": func(l *lab) { cutWrite(l); l.pass(lingerFor) },
	"7.3/3":     func(l *lab) { l.only("Reject of a command").begun(); l.read(1); l.pass(patience) },
	"7.5/1":     func(l *lab) { cutWrite(l); l.c.gone(); l.connect().login() },
	"7.8/6":     func(l *lab) { l.only("wrong data digest").begun("DataDigest", "CRC32C"); l.read(1); l.pass(patience) },
	"11/1":      func(l *lab) { l.begun(); h := l.Next(pdu.OpNOPOut, true); h[40] = 1; l.put(h, nil) },
	"11.1/1": func(l *lab) {
		l.begun()
		h := l.Next(pdu.OpNOPOut, true)
		h.SetDataLen(1)
		l.c.take(&received{h: h, data: []byte{1}, pad: []byte{0, 1, 0}})
	},
	"11.2.1.2/1": func(l *lab) { l.begun(); l.put(l.Next(pdu.OpNOPIn, true), nil) },
	"11.2.1.5/1": func(l *lab) { l.begun(); l.put(l.Next(pdu.OpNOPOut, true), nil, 0, 1, 1, 0) },
	"11.2.1.8/1": func(l *lab) { l.begun(); h := l.write(8, 0, true); l.ITT = h.ITT() - 1; l.write(8, 0, true) },
	"11.2.1.8/2": func(l *lab) { l.begun(); l.ITT = pdu.ReservedTag - 1; l.do(0) },
	"11.2.2.3/1": func(l *lab) {
		l.begun()
		l.put(l.Command(0, []byte{0}, 0, false), nil, pdu.AppendExtendedCDB(nil, []byte{1, 2, 3, 4})...)
	},
	"11.3.1/0": func(l *lab) { l.begun(); h := l.Command(0, []byte{0}, 0, false); h[1] |= 7; l.put(h, nil) },
	"11.3.1/1": func(l *lab) { l.begun(); h := l.Command(0, []byte{0}, 0, false); h.SetFinal(false); l.put(h, nil) },
	"11.3.1/2": func(l *lab) {
		l.begun()
		h := l.Command(0, []byte{0}, 0, false)
		(*pdu.SCSICommand)(h).SetExpectedDataTransferLength(5)
		l.put(h, nil)
	},
	"11.3.3/0": func(l *lab) { l.begun(); l.ExpStatSN += 5; l.do(0) },
	"11.3.4/1": func(l *lab) {
		l.begun()
		h := l.Command(0, []byte{0}, 512, true)
		(*pdu.SCSICommand)(h).SetRead(true)
		l.put(h, nil)
	},
	"11.3.4/2": func(l *lab) { l.begun("InitialR2T", "No"); l.write(1, 512, false) },
	"11.3.4/3": func(l *lab) {
		l.begun("InitialR2T", "No", "FirstBurstLength", "1024")
		h := l.write(8, 0, false)
		l.out(h.ITT(), pdu.ReservedTag, 0, 0, 512, true)
	},
	"11.4.2/0":  func(l *lab) { l.only("BUSY").begun(); l.read(1); l.c.gone() },
	"11.4.2/0a": func(l *lab) { l.only("TASK SET FULL").begun(); l.read(1); l.c.gone() },
	"11.4.2/0b": func(l *lab) { l.only("CHECK CONDITION").begun(); l.read(1); l.c.gone() },
	"11.4.5/0":  func(l *lab) { l.only("residual").begun(); l.read(1); l.c.gone() },
	"11.5.1/7": func(l *lab) {
		l.begun()
		h := l.Command(0, rawclient.RW10(true, 0, 8), 4096, true)
		h.SetImmediate(true)
		l.CmdSN--
		l.put(h, nil)
		l.abort1(h.ITT(), l.CmdSN+1)
	},
	"11.5.1/8": func(l *lab) { l.begun(); h := l.write(8, 0, true); l.abort1(h.ITT(), l.CmdSN) },
	"11.5.1/9": func(l *lab) {
		l.begun("MaxConnections", "2")
		other := l.join(2)
		h := l.write(8, 0, true)
		other.abort1(h.ITT(), (*pdu.SCSICommand)(h).CmdSN())
	},
	"11.5.2/1": func(l *lab) { l.begun(); l.put(l.Manage(pdu.TMFLogicalUnitReset, 0, true).BHS(), []byte{1}) },
	"11.5.4/1": func(l *lab) {
		l.begun()
		q := l.Manage(pdu.TMFLogicalUnitReset, 0, true)
		q.SetReferencedTaskTag(3)
		l.put(q.BHS(), nil)
	},
	"11.7/1":   func(l *lab) { l.only("status in the last Data-In").begun(); l.read(1); l.c.gone() },
	"11.7.1/1": func(l *lab) { l.begun(); l.write(64, recvDataSegment+512, true) },
	"11.7.1/2": func(l *lab) {
		l.begun("MaxBurstLength", "1024", "FirstBurstLength", "512")
		h := l.write(8, 0, true)
		l.out(h.ITT(), l.r2t().TTT(), 0, 0, 2048, true)
	},
	"11.7.4/0": func(l *lab) { l.begun(); h := l.write(8, 0, true); l.out(h.ITT(), l.r2t().TTT()+1, 0, 0, 4096, true) },
	"11.7.6/0": func(l *lab) { l.begun(); h := l.write(8, 0, true); l.out(h.ITT(), l.r2t().TTT(), 0, 4000, 512, true) },
	"11.7.7/1": func(l *lab) { l.only("read in many sequences").begun(); l.read(2); l.c.gone() },
	"11.7.7/2": func(l *lab) { l.begun(); h := l.write(8, 0, true); l.out(h.ITT(), l.r2t().TTT(), 0, 0, 511, false) },
	"11.8/1":   func(l *lab) { l.begun(); h := l.write(8, 0, true); l.out(h.ITT(), pdu.ReservedTag, 0, 0, 4096, true) },
	"11.8/4": func(l *lab) {
		l.begun("MaxBurstLength", "1024", "FirstBurstLength", "512")
		h := l.write(8, 0, true)
		l.out(h.ITT(), l.r2t().TTT(), 0, 1024, 1024, true)
	},
	"11.8/5": func(l *lab) { l.begun(); h := l.write(8, 0, true); l.out(h.ITT(), l.r2t().TTT(), 0, 0, 4096, false) },
	"11.8/6": func(l *lab) { l.begun(); h := l.write(8, 0, true); l.out(h.ITT(), l.r2t().TTT(), 0, 512, 512, false) },
	"11.8/8": func(l *lab) {
		l.begun("MaxBurstLength", "1024", "FirstBurstLength", "512", "MaxOutstandingR2T", "2")
		h := l.write(8, 0, true)
		l.r2t()
		l.out(h.ITT(), l.r2t().TTT(), 0, 1024, 1024, true)
	},
	"11.9.1/2": func(l *lab) { l.only("request to log out").begun(); l.read(1); l.pass(logoutWithin * time.Second) },
	"11.9.1/3": func(l *lab) {
		l.only("request to log out").begun()
		l.read(1)
		l.logout(pdu.LogoutRemoveConnectionForRecovery)
	},
	"11.9.1/4": func(l *lab) {
		l.only("request to log out").begun()
		l.read(1)
		l.drain()
		l.do(0)
		l.logout(pdu.LogoutCloseSession)
	},
	"11.9.1/5":  func(l *lab) { l.only("request for negotiation").begun(); l.read(1); l.pass(patience) },
	"11.10.3/1": func(l *lab) { ttt := half(l); l.ITT += 5; l.text(ttt, true) },
	"11.10.3/2": func(l *lab) { ttt := half(l); l.ITT--; l.text(ttt, false) },
	"11.11.4/3": func(l *lab) { ttt := half(l); l.ITT--; l.text(ttt+1, true) },
	"11.12/0":   func(l *lab) { h := request1().Header(); h.SetImmediate(false); l.put(h, nil) },
	"11.12.4/1": func(l *lab) { h := request1().Header(); (*pdu.LoginRequest)(h).SetVersionMax(1); l.put(h, nil) },
	"11.12.4.1/1": func(l *lab) {
		l.partly()
		h := request1().Header()
		(*pdu.LoginRequest)(h).SetVersionMax(1)
		l.put(h, nil)
	},
	"11.12.4.2/1": func(l *lab) {
		l.partly()
		h := request1().Header()
		(*pdu.LoginRequest)(h).SetVersionMin(1)
		l.put(h, nil)
	},
	"11.12.5/0": func(l *lab) { l.loginAs(request1(func(q *rawclient.Login) { q.ISID[0] = 0xc0 })) },
	"11.12.6/2": func(l *lab) { l.loginAs(request1(func(q *rawclient.Login) { q.TSIH = 77 })) },
	"11.12.6/3": func(l *lab) { l.partly(); l.put(request1(func(q *rawclient.Login) { q.TSIH = 1 }).Header(), nil) },
	"11.12.7/1": func(l *lab) { l.partly(); l.put(request1(func(q *rawclient.Login) { q.CID = 1 }).Header(), nil) },
	"11.12.8/0": func(l *lab) { l.begun(); l.CmdSN++; l.do(0) },
	"11.12.9/0": func(l *lab) { l.partly(); l.put(request1(func(q *rawclient.Login) { q.ExpStatSN = 99 }).Header(), nil) },
	"11.13.5/4": func(l *lab) { l.loginAs(request1(), "MaxBurstLength", "x"); l.pass(lingerFor) },
	"11.14/1":   func(l *lab) { l.begun(); l.logout(pdu.LogoutCloseSession); l.do(0) },
	"11.14/2": func(l *lab) {
		l.begun("MaxConnections", "2")
		other := l.join(2)
		l.logout(pdu.LogoutCloseSession)
		other.put(other.Next(pdu.OpNOPOut, true), nil)
	},
	"11.14/5":   func(l *lab) { l.begun(); l.logout(pdu.LogoutCloseSession); l.pass(lingerFor) },
	"11.14.1/0": func(l *lab) { l.begun(); l.logout(pdu.LogoutRemoveConnectionForRecovery) },
	"11.14.2/1": func(l *lab) { l.begun(); l.put(l.Next(pdu.OpLogoutRequest, true), []byte{1}) },
	"11.16/0":   func(l *lab) { l.begun(); l.put(l.Next(pdu.OpSNACKRequest, true), nil) },
	"11.18/1":   func(l *lab) { l.only("NOP-In").begun(); l.do(0); l.pass(patience) },
	"11.18/2":   func(l *lab) { l.begun(); h := l.Next(pdu.OpNOPOut, true); (*pdu.NOPOut)(h).SetTTT(9); l.put(h, nil) },
	"11.18/3": func(l *lab) {
		l.only("NOP-In").begun()
		l.do(0)
		h := l.Next(pdu.OpNOPOut, true)
		h.SetITT(pdu.ReservedTag)
		l.put(h, nil)
	},
	"11.18.1/4": func(l *lab) { l.begun(); h := l.Next(pdu.OpNOPOut, false); h.SetITT(pdu.ReservedTag); l.put(h, nil) },
	"11.18.2/3": func(l *lab) {
		l.only("NOP-In").begun()
		l.put(l.Command(0, []byte{0}, 0, false), nil)
		l.next(pdu.OpNOPIn)
		h := l.Next(pdu.OpNOPOut, true)
		h.SetITT(pdu.ReservedTag)
		h.SetLUN(1)
		(*pdu.NOPOut)(h).SetTTT((*pdu.NOPIn)(l.next(pdu.OpNOPIn).h).TTT())
		l.put(h, nil)
	},
	"12.1.3/1": func(l *lab) { l.chosen(); l.secure(0, false, "CHAP_I", "1") },
	"12.1.3/3": func(l *lab) { l.chosen(); l.secure(0, false, "CHAP_A", "5"); l.secure(1, true, "CHAP_N", "user") },
	"12.1.3/6": func(l *lab) { l.only("a target that cannot authenticate"); l.mutual(); l.again() },
	"12.1.3/8": func(l *lab) { l.chosen(); l.secure(0, false, "CHAP_A", "7") },
	"13/1":     func(l *lab) { l.begun("MaxConnections", "2"); l.join(2, "MaxConnections", "2") },
	"13.1/2": func(l *lab) {
		l.begun("DataDigest", "CRC32C")
		h := l.Next(pdu.OpNOPOut, true)
		h.SetDataLen(4)
		l.c.take(&received{h: h, data: make([]byte, 4), badDat: true})
	},
	"13.11/1": func(l *lab) { l.begun("ImmediateData", "No"); l.write(8, 512, true) },
	"13.11/3": func(l *lab) { l.begun("ImmediateData", "No", "InitialR2T", "No"); l.write(8, 512, true) },
	"13.14/1": func(l *lab) { l.loginAs(request1(), "MaxBurstLength", "512", "FirstBurstLength", "1024") },
	"13.21/2": func(l *lab) { l.partly(); l.again("SessionType", "Discovery") },
	"13.23/2": func(l *lab) { l.loginAs(request1(), "TaskReporting", "FastAbort") },
}

// cannotBreak are checks whose opposite is not seen by this target: it notes only that the rule was kept.
var cannotBreak = []string{"6.3.5/1"}

// Each check finds an initiator that breaks its rule, and says so only then.
func TestWrongInitiators(t *testing.T) {
	for _, k := range checks {
		play := wrong[k.id]
		if play == nil {
			if !slices.Contains(cannotBreak, k.id) {
				t.Errorf("%s: no initiator breaks it", k.id)
			}
			continue
		}
		t.Run(k.id, func(t *testing.T) {
			l := newLab(t, Config{User: chapUserOf(k.id), Secret: "twelvebytes12345", MutualUser: "target", MutualSecret: "otherbytes678901"})
			l.only("")
			play(l)
			if v := l.target.judge.of(k.id); v.broke == 0 {
				t.Errorf("the rule counts as kept %d times", v.kept)
			} else if len(v.trace) == 0 || v.came == "" {
				t.Errorf("the verdict says nothing: %q, %d events", v.came, len(v.trace))
			}
		})
	}
	for id := range wrong {
		if !slices.ContainsFunc(checks, func(k check) bool { return k.id == id }) {
			t.Errorf("%s is no check", id)
		}
	}
}

func chapUserOf(id string) string {
	if len(id) > 7 && id[:7] == "12.1.3/" {
		return "user"
	}
	return ""
}
