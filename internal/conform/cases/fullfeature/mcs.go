package fullfeature

import (
	"fmt"

	"github.com/ringtgt/ringtgt/internal/conform"
	"github.com/ringtgt/ringtgt/pdu"
)

// connections has the cases of sessions with several connections (RFC 7143, 4.2.2.1, 4.2.5.1, 11.14).
func connections() (cases []conform.Case) {
	for i, order := range [][]int{{1, 0}, {2, 1, 0}, {3, 2, 1, 0}, {1, 3, 0, 2}} {
		cases = append(cases, conform.Case{
			ID: "rfc7143/4.2.2.1/6m" + conform.Letters(i), Title: fmt.Sprintf("commands on several connections, in the order %v", order),
			Needs: conform.Several,
			Rule:  "CmdSN orders the commands of a session over all its connections.", Also: []string{"rfc7143/4.2.5.1/1"},
			Run: func(t *conform.T) {
				links := several(t, min(len(order), 4))
				sent := make([]*pdu.BHS, len(order))
				for i := range sent {
					sent[i] = links[i].nop(false)
				}
				for _, i := range order {
					if i == 0 { // the last that is missing
						for _, l := range links[1:] {
							if !before(order, l, links) {
								continue
							}
							l.quiet("no echo before the commands before it have arrived")
						}
					}
					links[i].Send(sent[i], nil)
				}
				for i, l := range links {
					l.answer(sent[i], pdu.OpNOPIn, "the echo on the connection of the ping")
				}
			},
		})
	}
	return append(append(cases, allegiance()...), departures()...)
}

// before reports whether the command of link l comes before that of the first link in the order of arrival.
func before(order []int, l *link, links []*link) bool {
	for _, i := range order {
		if i == 0 {
			return false
		}
		if links[i] == l {
			return true
		}
	}
	return false
}

// allegiance has the cases of what connections share, and what they do not.
func allegiance() []conform.Case {
	return []conform.Case{{
		ID: "rfc7143/4.2.5.1/2", Title: "reads on two connections", Needs: conform.Unit | conform.Several,
		Rule: "Data and status of a read come on the connection that carried the command.",
		Run: func(t *conform.T) {
			links := several(t, 2, "MaxRecvDataSegmentLength", "512")
			for range 3 {
				var sent []*pdu.SCSICommand
				for _, l := range links {
					h := l.readCommand(0, l.blocks(4096))
					l.Send(h.BHS(), nil)
					sent = append(sent, h)
				}
				for i, l := range links {
					r := l.finish(sent[i], nil)
					l.good(r)
					l.sound(r, l.blocks(4096)*l.unit().Block)
				}
			}
		},
	}, {
		ID: "rfc7143/4.2.5.1/4", Title: "writes on two connections", Needs: writing | conform.Several,
		Rule: "R2Ts and status of a write come on the connection that carried the command.",
		Run: func(t *conform.T) {
			links := several(t, 2, "InitialR2T", "Yes", "ImmediateData", "No", "MaxBurstLength", "1024", "FirstBurstLength", "512")
			n := links[0].blocks(4096)
			b := links[0].unit().Block
			data := links[0].pattern(2 * n * b)
			var sent []*pdu.SCSICommand
			for i, l := range links {
				h := l.write(i*n, n)
				l.Send(h.BHS(), nil)
				sent = append(sent, h)
			}
			for i, l := range links {
				l.good(l.finish(sent[i], data[i*n*b:(i+1)*n*b]))
			}
			links[1].holds(0, data)
		},
	}, {
		ID: "rfc7143/4.2.2.1/8m", Title: "one window for all connections", Needs: conform.Several,
		Rule: "ExpCmdSN and MaxCmdSN are of the session: each connection tells them.",
		Run: func(t *conform.T) {
			links := several(t, 2)
			for i := range 6 {
				l := links[i%2]
				h := l.nop(false)
				l.Send(h, nil)
				l.equal("ExpCmdSN", l.answer(h, pdu.OpNOPIn, "the ping echo").ExpCmdSN(), l.Session.CmdSN)
				other := links[(i+1)%2]
				other.equal("ExpCmdSN on the other connection", other.ping().ExpCmdSN(), l.Session.CmdSN)
			}
		},
	}, {
		ID: "rfc7143/4.2.2.1/11m", Title: "one CmdSN on two connections", Needs: conform.Several,
		Rule: "A duplicate of a command is ignored, on another connection, too.",
		Run: func(t *conform.T) {
			links := several(t, 2)
			a, b := links[0], links[1]
			h := a.nop(false)
			a.Send(h, nil)
			a.answer(h, pdu.OpNOPIn, "the ping echo")
			again := *h
			again.SetITT(a.nextITT())
			(*pdu.NOPOut)(&again).SetExpStatSN(b.ExpStatSN)
			b.Send(&again, nil)
			b.quiet("no echo of a CmdSN that was received on the first connection")
		},
	}, {
		ID: "rfc7143/4.2.2.1/6n", Title: "many commands in turn on several connections", Needs: conform.Unit | conform.Several,
		Rule: "Each command is executed once, in the order of CmdSN, wherever it comes.", Also: []string{"rfc7143/4.2.5.1/1"},
		Run: func(t *conform.T) {
			links := several(t, 2)
			open := make([]map[uint32]bool, len(links))
			for i := range open {
				open[i] = map[uint32]bool{}
			}
			var sent []*pdu.SCSICommand
			for range links[0].window(32) {
				sent = append(sent, links[0].scsi(testUnitReady, 0, 0))
			}
			for i := len(sent) - 1; i >= 0; i-- { // each connection in the wrong order
				at := i % len(links)
				open[at][sent[i].ITT()] = true
				sent[i].SetExpStatSN(links[at].ExpStatSN)
				links[at].Send(sent[i].BHS(), nil)
			}
			for i, l := range links {
				for len(open[i]) > 0 {
					p := l.Recv("a response to each command")
					l.t.Want(p.Opcode() == pdu.OpSCSIResponse && p.Response().Status() == 0 && open[i][p.ITT()], "one GOOD status for each command", "%v", p)
					delete(open[i], p.ITT())
				}
			}
			links[0].equal("ExpCmdSN", links[0].ping().ExpCmdSN(), links[0].Session.CmdSN)
		},
	}, {
		ID: "rfc7143/11.6.1/2m", Title: "ABORT TASK SET while a response is not acknowledged", Needs: conform.Unit | conform.Several,
		Rule:   "Before the response to ABORT TASK SET, the delivery of earlier responses on all connections is acknowledged.",
		Groups: []conform.Group{conform.TMF}, Also: []string{"rfc7143/4.2.2.3.3/1", "rfc7143/4.2.2.3.4/1", "rfc7143/4.2.2.3.4/2", "rfc7143/4.2.2.3.2/1", "rfc7143/4.2.3.3/13", "rfc7143/4.2.2.3.3/2", "rfc7143/4.2.2.3.2/2", "rfc7143/4.2.3.3/11", "rfc7143/13.23/1"},
		Run: func(t *conform.T) {
			links := several(t, 2, "TaskReporting", "ResponseFence")
			a, b := links[0], links[1]
			a.negotiated("TaskReporting", "ResponseFence")
			h := b.scsi(testUnitReady, 0, 0)
			b.Send(h.BHS(), nil)
			b.good(b.finish(h, nil)) // b does not acknowledge
			f := a.tmf(pdu.TMFAbortTaskSet, true)
			a.Send(f.BHS(), nil)
			a.still("no response before the other connection has acknowledged what it got")
			a.acknowledge()
			p := a.answer(f.BHS(), pdu.OpTaskManagementResponse, "the response to ABORT TASK SET")
			a.outcome("Function complete", p, pdu.TMFResponseComplete)
		},
	}, {
		ID: "rfc7143/4.2.2.3.3/3", Title: "a command behind a response to ABORT TASK SET that is not acknowledged", Needs: conform.Unit | conform.Several,
		Rule:   "The fence ends when the fenced response is acknowledged; responses of the nexus that come meanwhile are held.",
		Groups: []conform.Group{conform.TMF}, Also: []string{"rfc7143/4.2.2.3.3/4"},
		Run: func(t *conform.T) {
			links := several(t, 2, "TaskReporting", "ResponseFence,RFC3720")
			a, b := links[0], links[1]
			a.negotiated("TaskReporting", "ResponseFence")
			a.outcome("Function complete", a.manage(a.tmf(pdu.TMFAbortTaskSet, true)), pdu.TMFResponseComplete)
			h := b.scsi(testUnitReady, 0, 0)
			b.Send(h.BHS(), nil)
			b.still("no response before that to ABORT TASK SET is acknowledged")
			a.ping()
			b.good(b.finish(h, nil))
		},
	}, {
		ID: "rfc7143/4.2.3.3/8m", Title: "ABORT TASK SET before commands on another connection", Needs: conform.Unit | conform.Several,
		Rule:   "The target waits for all commands of the affected tasks, whatever connection they come on.",
		Groups: []conform.Group{conform.TMF}, Also: []string{"rfc7143/11.6.1/2", "rfc7143/4.2.3.4/8"},
		Run: func(t *conform.T) {
			links := several(t, 2)
			a, b := links[0], links[1]
			gap := a.gap()
			f := a.tmf(pdu.TMFAbortTaskSet, true)
			a.acknowledge()
			a.Send(f.BHS(), nil)
			a.still("no response before the command with the CmdSN before it")
			b.answer(b.fill(gap), pdu.OpNOPIn, "the ping echo on the other connection")
			a.acknowledge()
			a.outcome("Function complete", a.answer(f.BHS(), pdu.OpTaskManagementResponse, "the response"), pdu.TMFResponseComplete)
		},
	}, {
		ID: "rfc7143/4.2.3.4/12", Title: "FastAbort tells the other connections", Needs: writing | conform.Several,
		Rule:   "With TaskReporting=FastAbort each other connection that has an affected task gets an Asynchronous Message with event 5.",
		Groups: []conform.Group{conform.TMF}, Also: []string{"rfc7143/4.2.3.4/1", "rfc7143/4.2.3.4/11", "rfc7143/4.2.3.4/2", "rfc7143/4.2.3.4/14", "rfc7143/4.2.3.4/17", "rfc7143/13.23/1"},
		Run: func(t *conform.T) {
			links := several(t, 2, "TaskReporting", "FastAbort", "InitialR2T", "Yes", "ImmediateData", "No")
			a, b := links[0], links[1]
			a.negotiated("TaskReporting", "FastAbort", "InitialR2T", "Yes", "ImmediateData", "No")
			h := b.write(0, 1)
			b.Send(h.BHS(), nil)
			b.r2t(h)
			a.acknowledge()
			f := a.tmf(pdu.TMFAbortTaskSet, true)
			a.Send(f.BHS(), nil)
			b.acknowledgeEnd(b.async(pdu.AsyncEventTasksTerminated))
			a.outcome("Function complete", a.answer(f.BHS(), pdu.OpTaskManagementResponse, "the response"), pdu.TMFResponseComplete)
			a.acknowledge()
			b.quiet("no response of the task that was aborted")
		},
	}, {
		ID: "rfc7143/11.9.1/7", Title: "no Asynchronous Message with event 5 without FastAbort", Needs: writing | conform.Several,
		Rule: "Event 5 is not used unless TaskReporting was negotiated to FastAbort.", Groups: []conform.Group{conform.TMF},
		Run: func(t *conform.T) {
			links := several(t, 2, "TaskReporting", "RFC3720", "InitialR2T", "Yes", "ImmediateData", "No")
			a, b := links[0], links[1]
			a.negotiated("InitialR2T", "Yes", "ImmediateData", "No")
			h := b.write(0, 1)
			b.Send(h.BHS(), nil)
			r2t := b.r2t(h)
			a.acknowledge()
			f := a.tmf(pdu.TMFAbortTaskSet, true)
			a.Send(f.BHS(), nil)
			a.still("no response before the data that the R2T on the other connection asked for")
			b.serve(h, r2t, b.pattern(b.unit().Block))
			a.answer(f.BHS(), pdu.OpTaskManagementResponse, "the response to ABORT TASK SET")
			for _, m := range t.Async() {
				t.Want(m.Async().AsyncEvent() != pdu.AsyncEventTasksTerminated, "no event 5", "%v", m)
			}
		},
	}}
}

// async waits for an Asynchronous Message.
func (l *link) async(want pdu.AsyncEvent) *conform.PDU {
	for {
		o := l.Next()
		l.t.Want(o.PDU != nil, fmt.Sprintf("an Asynchronous Message with event %d", want), "%v", o)
		if p := o.PDU; p.Opcode() == pdu.OpAsyncMessage && p.Async().AsyncEvent() == want {
			return p
		}
	}
}

// departures has the cases of connections that leave a session, or come back.
func departures() []conform.Case {
	return []conform.Case{{
		ID: "rfc7143/11.14.3/0m", Title: "logout of another connection", Needs: conform.Several, Also: []string{"rfc7143/11.15/1"},
		Rule: "The CID says which connection is closed; the others go on.",
		Run: func(t *conform.T) {
			links := several(t, 2)
			a, b := links[0], links[1]
			h := a.logout(pdu.LogoutCloseConnection, b.CID)
			a.Send(h, nil)
			a.code(h, pdu.LogoutResponseSuccess)
			b.Ended("the end of the connection that was logged out")
			a.ping()
		},
	}, {
		ID: "rfc7143/11.15/1m", Title: "logout of a session with several connections", Needs: conform.Several,
		Rule: "After the logout of a session all its connections are closed.",
		Run: func(t *conform.T) {
			links := several(t, 2)
			links[0].leave(links[0].logout(pdu.LogoutCloseSession, 0))
			links[1].Ended("the end of the other connection")
		},
	}, {
		ID: "rfc7143/11.14/0m", Title: "logout of one's own connection in a session of two", Needs: conform.Several,
		Rule: "Closing a connection leaves the session to the others.",
		Run: func(t *conform.T) {
			links := several(t, 2)
			a, b := links[0], links[1]
			b.leave(b.logout(pdu.LogoutCloseConnection, b.CID))
			for range 3 {
				h := a.nop(false)
				a.Send(h, nil)
				a.answer(h, pdu.OpNOPIn, "the ping echo")
			}
		},
	}, {
		ID: "rfc7143/11.12.7/0m", Title: "a CID that is used again after its logout", Needs: conform.Several,
		Rule: "A CID is free again after the logout of its connection.",
		Run: func(t *conform.T) {
			links := several(t, 2)
			a, b := links[0], links[1]
			b.leave(b.logout(pdu.LogoutCloseConnection, b.CID))
			a.Session.Conns = a.Session.Conns[:1]
			c := a.join() // takes the CID that was left
			a.equal("CID", uint32(c.CID), uint32(b.CID))
			for _, l := range []*link{c, a, c} {
				h := l.nop(false)
				l.Send(h, nil)
				l.answer(h, pdu.OpNOPIn, "the ping echo")
			}
		},
	}, {
		ID: "rfc7143/11.14/3m", Title: "logout of a connection whose write waits for data", Needs: writing | conform.Several, Also: []string{"rfc7143/11.14.5/1"},
		Rule: "Tasks that a logout terminates leave a unit attention, SOME COMMANDS CLEARED BY ISCSI PROTOCOL EVENT.",
		Run: func(t *conform.T) {
			links := several(t, 2, "InitialR2T", "Yes", "ImmediateData", "No")
			a, b := links[0], links[1]
			a.negotiated("InitialR2T", "Yes", "ImmediateData", "No")
			h := b.write(0, 1)
			b.Send(h.BHS(), nil)
			b.r2t(h)
			o := a.logout(pdu.LogoutCloseConnection, b.CID)
			a.Send(o, nil)
			a.code(o, pdu.LogoutResponseSuccess)
			b.Ended("the end of the connection that was logged out")
			a.sense(a.run(testUnitReady, 0), "SOME COMMANDS CLEARED BY ISCSI PROTOCOL EVENT", 6, 0x477f)
			a.good(a.run(testUnitReady, 0))
		},
	}, {
		ID: "rfc7143/7.1.4.3/5", Title: "a connection that breaks: the message on the other", Needs: conform.Several | conform.ERL2, Level: conform.Should,
		Rule: "A target that recovers connections and drops a failed connection says so by an Asynchronous Message on another.",
		Run: func(t *conform.T) {
			links := several(t, 2)
			links[1].Reset()
			for {
				o := links[0].Next()
				if o.Closed {
					t.Skip("the session ends with the connection")
				}
				t.Want(o.PDU != nil, "an Asynchronous Message with event 2", "%v", o)
				if p := o.PDU; p.Opcode() == pdu.OpAsyncMessage && p.Async().AsyncEvent() == pdu.AsyncEventDropConnection {
					links[0].equal("CID in Parameter1", uint32(p.Async().Parameter1()), uint32(links[1].CID))
					return
				}
			}
		},
	}, {
		ID: "rfc7143/7.14/0m", Title: "a connection that breaks", Needs: conform.Unit | conform.Several, Level: conform.May,
		Rule: "A session may go on with its other connections when one breaks.",
		Run: func(t *conform.T) {
			links := several(t, 2)
			a, b := links[0], links[1]
			b.Close()
			a.Ping("the ping echo on the connection that is left")
		},
	}}
}
