package fullfeature

import (
	"fmt"

	"github.com/ringtgt/ringtgt/internal/conform"
	"github.com/ringtgt/ringtgt/pdu"
)

// functionNames are those of RFC 7143, 11.5.1, and RFC 7144, 6.3.
var functionNames = map[pdu.TaskFunction]string{
	pdu.TMFAbortTask: "ABORT TASK", pdu.TMFAbortTaskSet: "ABORT TASK SET", pdu.TMFClearACA: "CLEAR ACA", pdu.TMFClearTaskSet: "CLEAR TASK SET",
	pdu.TMFLogicalUnitReset: "LOGICAL UNIT RESET", pdu.TMFTargetWarmReset: "TARGET WARM RESET", pdu.TMFTargetColdReset: "TARGET COLD RESET",
	pdu.TMFTaskReassign: "TASK REASSIGN", pdu.TMFQueryTask: "QUERY TASK", pdu.TMFQueryTaskSet: "QUERY TASK SET",
	pdu.TMFITNexusReset: "I_T NEXUS RESET", pdu.TMFQueryAsyncEvent: "QUERY ASYNCHRONOUS EVENT",
}

// functions has the cases of one function at a time (RFC 7143, 11.5, 11.6).
func functions() (cases []conform.Case) {
	for i, c := range []struct {
		fn    pdu.TaskFunction
		needs conform.Needs // those that other initiators feel need leave
		want  []pdu.TaskResponse
	}{
		{pdu.TMFAbortTaskSet, 0, []pdu.TaskResponse{pdu.TMFResponseComplete}},
		{pdu.TMFClearACA, 0, []pdu.TaskResponse{pdu.TMFResponseComplete, pdu.TMFResponseFunctionNotSupported, pdu.TMFResponseRejected}},
		{pdu.TMFClearTaskSet, conform.Writes, []pdu.TaskResponse{pdu.TMFResponseComplete, pdu.TMFResponseFunctionNotSupported, pdu.TMFResponseAuthorizationFailed}},
		{pdu.TMFLogicalUnitReset, conform.Writes, []pdu.TaskResponse{pdu.TMFResponseComplete, pdu.TMFResponseAuthorizationFailed}},
		{pdu.TMFTargetWarmReset, conform.Writes, []pdu.TaskResponse{pdu.TMFResponseComplete, pdu.TMFResponseFunctionNotSupported,
			pdu.TMFResponseAuthorizationFailed, pdu.TMFResponseRejected}},
	} {
		for j, immediate := range []bool{true, false} {
			cases = append(cases, conform.Case{
				ID: "rfc7143/11.5.1/1" + conform.Letters(2*i+j), Title: fmt.Sprintf("%s, immediate %v", functionNames[c.fn], immediate), Needs: conform.Unit | c.needs,
				Rule: "Each task management function is answered by a Task Management Function Response.", Groups: []conform.Group{conform.TMF},
				Run: func(t *conform.T) {
					l := open(t)
					l.outcome("a response that 11.6.1 has for it", l.manage(l.tmf(c.fn, immediate)), c.want...)
					l.ping()
				},
			})
		}
	}
	for i, c := range []struct {
		fn    pdu.TaskFunction
		needs conform.Needs
	}{{pdu.TMFAbortTaskSet, 0}, {pdu.TMFClearTaskSet, conform.Writes}, {pdu.TMFLogicalUnitReset, conform.Writes}} {
		cases = append(cases, conform.Case{
			ID: "rfc7143/11.6.1/0" + conform.Letters(i), Title: functionNames[c.fn] + " for a logical unit that does not exist", Needs: conform.Unit | c.needs,
			Rule: "Response 2 says that the LUN does not exist.", Groups: []conform.Group{conform.TMF}, Also: []string{"rfc7143/11.5.3/0"},
			Run: func(t *conform.T) {
				l := open(t)
				h := l.tmf(c.fn, true)
				h.SetLUN(absentLUN)
				l.outcome("LUN does not exist", l.manage(h), pdu.TMFResponseLUNDoesNotExist, pdu.TMFResponseFunctionNotSupported)
			},
		})
	}
	for i, fn := range []pdu.TaskFunction{0, 13, 63, 127} {
		cases = append(cases, conform.Case{
			ID: "rfc7143/11/3" + conform.Letters(70+i), Title: fmt.Sprintf("the unassigned task management function %d", fn), Needs: conform.Unit,
			Rule: "A reserved code value in a defined field is reported as a protocol error.", Groups: []conform.Group{conform.TMF}, Also: []string{"rfc7143/11.5.1/0"},
			Run: func(t *conform.T) {
				l := open(t)
				l.Send(l.tmf(fn, true).BHS(), nil)
				l.refused("a Reject, a response that is no success, or the end of the connection", func(p *conform.PDU) bool {
					return p.Opcode() == pdu.OpTaskManagementResponse && p.TMF().Response() > pdu.TMFResponseTaskDoesNotExist
				})
			},
		})
	}
	return append(append(cases, aborts()...), sets()...)
}

// aborts has the cases of ABORT TASK and TASK REASSIGN.
func aborts() []conform.Case {
	tmf := []conform.Group{conform.TMF}
	return []conform.Case{{
		ID: "rfc7143/11.6.1/0x", Title: "ABORT TASK of a command that has ended", Needs: conform.Unit, Groups: tmf, Also: []string{"rfc7143/7.11/3"},
		Rule: "If there is no such task, and its CmdSN is outside the window, the response is Task does not exist.",
		Run: func(t *conform.T) {
			l := open(t)
			h := l.scsi(testUnitReady, 0, 0)
			l.Send(h.BHS(), nil)
			l.good(l.finish(h, nil))
			l.outcome("Task does not exist", l.manage(l.abort(h.ITT(), h.CmdSN())), pdu.TMFResponseTaskDoesNotExist)
		},
	}, {
		ID: "rfc7143/7.11/2", Title: "ABORT TASK of a command that never came", Needs: conform.Unit, Groups: tmf, Also: []string{"rfc7143/11.6.1/0"},
		Rule: "If the command is missing, its CmdSN is considered received, and the response is Function complete.",
		Run: func(t *conform.T) {
			l := open(t)
			lost := l.scsi(testUnitReady, 0, 0) // is not sent
			p := l.manage(l.abort(lost.ITT(), lost.CmdSN()))
			l.outcome("Function complete", p, pdu.TMFResponseComplete)
			p = l.ping()
			l.equal("ExpCmdSN", p.ExpCmdSN(), lost.CmdSN()+1)
			l.Send(lost.BHS(), nil)
			l.quiet("no response to the command: its CmdSN counts as received")
			l.good(l.run(testUnitReady, 0))
		},
	}, {
		ID: "rfc7143/7.11/2b", Title: "ABORT TASK of a missing command lets later ones go on", Needs: conform.Unit, Groups: tmf, Also: []string{"rfc7143/4.2.2.1/8"},
		Rule: "If the command is missing, its CmdSN is considered received, and the response is Function complete.",
		Run: func(t *conform.T) {
			l := open(t)
			lost := l.scsi(testUnitReady, 0, 0) // is not sent
			held := l.nop(false)
			l.Send(held, nil)
			l.acknowledge()
			h := l.abort(lost.ITT(), lost.CmdSN())
			l.Send(h.BHS(), nil)
			for _, p := range l.all("Function complete, and the echo of the ping that waited", h.BHS(), held) {
				if p.Opcode() == pdu.OpTaskManagementResponse {
					l.outcome("Function complete", p, pdu.TMFResponseComplete)
				}
			}
		},
	}, {
		ID: "rfc7143/11.5.1/3a", Title: "ABORT TASK of a write that waits for data", Needs: writing, Groups: tmf, Also: []string{"rfc7143/11.5.1/2"},
		Rule: "No response for a task that was aborted is sent after the response to the function.",
		Run: func(t *conform.T) {
			l := solicited(t)
			h := l.write(0, 1)
			l.Send(h.BHS(), nil)
			r2t := l.r2t(h)
			l.acknowledge()
			f := l.abort(h.ITT(), h.CmdSN())
			l.Send(f.BHS(), nil)
			n := l.nop(true)
			l.Send(n, nil)
			p := l.Recv("the Task Management Function Response")
			if p.ITT() == n.ITT() { // it waits for the data that it asked for
				l.serve(h, r2t, l.pattern(l.unit().Block))
				if p = l.Recv("the Task Management Function Response"); p.ITT() == h.ITT() {
					p = l.Recv("the Task Management Function Response") // the write has ended before
				}
				l.t.Want(p.ITT() == f.ITT(), "the Task Management Function Response", "%v", p)
				l.outcome("Function complete, or Task does not exist", p, pdu.TMFResponseComplete, pdu.TMFResponseTaskDoesNotExist)
				l.quiet("no response for the task after that to the function")
				return
			}
			l.t.Want(p.ITT() == f.ITT(), "the Task Management Function Response", "%v", p)
			l.outcome("Function complete", p, pdu.TMFResponseComplete)
			l.answer(n, pdu.OpNOPIn, "no response for the task after that to the function")
			l.serve(h, r2t, l.pattern(l.unit().Block))
			if o := l.mayIgnore("a Reject, the end of the connection, or nothing: data may cross the function"); !o.Closed {
				l.good(l.run(testUnitReady, 0))
			}
		},
	}, {
		ID: "rfc7143/11.5.1/3b", Title: "ABORT TASK with another LUN", Needs: writing, Groups: tmf, Also: []string{"rfc7143/4.2.5.3/1"},
		Rule: "Fields of task-related PDUs are consistent with the task: the tag of a task on another unit names no task.",
		Run: func(t *conform.T) {
			l := solicited(t)
			h := l.write(0, 1)
			l.Send(h.BHS(), nil)
			r2t := l.r2t(h)
			f := l.abort(h.ITT(), h.CmdSN())
			f.SetLUN(absentLUN)
			p := l.manage(f)
			l.t.Want(p.TMF().Response() != pdu.TMFResponseComplete, "no success", "%v", p)
			data := l.pattern(l.unit().Block)
			l.serve(h, r2t, data)
			l.good(l.finish(h, data))
			l.holds(0, data)
		},
	}, {
		ID: "rfc7143/11.5.1/10", Title: "ABORT TASK of a task management function", Needs: conform.Unit, Groups: tmf, Also: []string{"rfc7143/11.5.1/11"},
		Rule: "ABORT TASK is not executed on a task management function: the response is Function rejected.",
		Run: func(t *conform.T) {
			l := open(t)
			gap := l.gap()
			set := l.tmf(pdu.TMFAbortTaskSet, true) // waits for the gap (4.2.3.3, b)
			l.acknowledge()
			l.Send(set.BHS(), nil)
			f := l.abort(set.ITT(), set.CmdSN())
			l.Send(f.BHS(), nil)
			p := l.Recv("the response to ABORT TASK")
			l.needs(p.ITT() == f.ITT(), "ABORT TASK SET does not wait for the commands before it")
			l.outcome("Function rejected", p, pdu.TMFResponseRejected)
			fill := l.fill(gap)
			l.all("the response to ABORT TASK SET, and the ping echo", set.BHS(), fill)
		},
	}, {
		ID: "rfc7143/7.2.2/6", Title: "TASK REASSIGN without recovery", Needs: conform.Unit, Groups: tmf,
		Rule: "A target that does not support reassignment answers Task allegiance reassignment not supported.",
		Run: func(t *conform.T) {
			l := open(t)
			l.needs(l.param("ErrorRecoveryLevel") < 2, "the session has ErrorRecoveryLevel 2")
			f := l.tmf(pdu.TMFTaskReassign, true)
			f.SetReferencedTaskTag(l.nextITT())
			l.outcome("Task allegiance reassignment not supported", l.manage(f), pdu.TMFResponseReassignNotSupported)
		},
	}}
}

// sets has the cases of functions that abort several tasks (RFC 7143, 4.2.3.3).
func sets() []conform.Case {
	tmf := []conform.Group{conform.TMF}
	return []conform.Case{{
		ID: "rfc7143/4.2.3.3/8", Title: "ABORT TASK SET before the commands that it covers", Needs: conform.Unit, Groups: tmf, Also: []string{"rfc7143/11.6.1/2", "rfc7143/4.2.2.1/4"},
		Rule: "The target waits for all commands of the affected tasks, based on their CmdSN, before it responds.",
		Run: func(t *conform.T) {
			l := open(t)
			gap := l.gap()
			set := l.tmf(pdu.TMFAbortTaskSet, true)
			l.acknowledge()
			l.Send(set.BHS(), nil)
			l.still("no response before the command with the CmdSN before the function's has arrived")
			fill := l.fill(gap)
			for _, p := range l.all("the response to ABORT TASK SET, and the ping echo", set.BHS(), fill) {
				if p.Opcode() == pdu.OpTaskManagementResponse {
					l.outcome("Function complete", p, pdu.TMFResponseComplete)
				}
			}
		},
	}, {
		ID: "rfc7143/4.2.3.3/7", Title: "ABORT TASK SET while a write waits for data", Needs: writing, Groups: tmf, Also: []string{"rfc7143/4.2.3.3/1", "rfc7143/11.5.1/6", "rfc7143/11.5.1/3", "rfc7143/13.23/1"},
		Rule: "The target waits for the answers to valid Target Transfer Tags of affected tasks, before it responds.",
		Run: func(t *conform.T) {
			l := solicited(t, "TaskReporting", "RFC3720")
			h := l.write(0, 1)
			l.Send(h.BHS(), nil)
			r2t := l.r2t(h)
			set := l.tmf(pdu.TMFAbortTaskSet, true)
			l.acknowledge()
			l.Send(set.BHS(), nil)
			l.still("no response before the data that the R2T asked for")
			l.serve(h, r2t, l.pattern(l.unit().Block))
			p := l.Recv("the response to ABORT TASK SET")
			if p.ITT() == h.ITT() && p.Opcode() == pdu.OpSCSIResponse {
				l.acknowledge()
				p = l.Recv("the response to ABORT TASK SET") // the write may end before
			}
			l.t.Want(p.ITT() == set.ITT() && p.Opcode() == pdu.OpTaskManagementResponse, "the response to ABORT TASK SET", "%v", p)
			l.outcome("Function complete", p, pdu.TMFResponseComplete)
			l.quiet("no response for an affected task after that to the function")
		},
	}, {
		ID: "rfc7143/11.5.1/0a", Title: "commands after ABORT TASK SET", Needs: conform.Unit, Groups: tmf,
		Rule: "A function acts on commands with a CmdSN lower than its own; ABORT TASK SET leaves later ones alone.",
		Run: func(t *conform.T) {
			l := open(t, "MaxConnections", "1")
			set := l.tmf(pdu.TMFAbortTaskSet, false)
			var after []*pdu.BHS
			l.acknowledge()
			for range 3 {
				after = append(after, l.scsi(testUnitReady, 0, 0).BHS())
			}
			for i := len(after) - 1; i >= 0; i-- {
				l.Send(after[i], nil) // they arrive before it, but come after it
			}
			l.Send(set.BHS(), nil)
			// In a session of one connection nothing orders the responses (4.2.2.3.3).
			for _, p := range l.all("a response to the function, and to each command after it", append(after, set.BHS())...) {
				if p.Opcode() == pdu.OpTaskManagementResponse {
					l.outcome("Function complete", p, pdu.TMFResponseComplete)
					continue
				}
				l.t.Want(p.Response().Status() == 0, "GOOD status", "%v", p)
			}
		},
	}, {
		ID: "rfc7143/4.2.2.1/6x", Title: "a task management function before its turn", Needs: conform.Unit, Groups: tmf,
		Rule: "A function that is not immediate is executed in the order of CmdSN.",
		Run: func(t *conform.T) {
			l := open(t)
			gap := l.gap()
			f := l.tmf(pdu.TMFAbortTaskSet, false)
			l.acknowledge()
			l.Send(f.BHS(), nil)
			l.still("no response before the command before it has arrived")
			fill := l.fill(gap)
			l.all("the ping echo and the response", fill, f.BHS())
		},
	}, {
		ID: "rfc7143/11.5.1/12", Title: "LOGICAL UNIT RESET: the attention of other sessions", Needs: writing, Groups: tmf,
		Rule: "LOGICAL UNIT RESET behaves as SAM says: each other nexus gets a unit attention with an additional sense code of 29h.",
		Run: func(t *conform.T) {
			a, b := open(t), open(t)
			a.outcome("Function complete", a.manage(a.tmf(pdu.TMFLogicalUnitReset, true)), pdu.TMFResponseComplete)
			b.attention(b.run(testUnitReady, 0))
			b.good(b.run(testUnitReady, 0))
		},
	}, {
		ID: "rfc7143/11.5.1/3c", Title: "LOGICAL UNIT RESET while a write waits for data", Needs: writing, Groups: tmf,
		Rule: "No response for a task that the function covers is sent after the response to the function.",
		Run: func(t *conform.T) {
			l := solicited(t, "TaskReporting", "RFC3720")
			h := l.write(0, 1)
			l.Send(h.BHS(), nil)
			r2t := l.r2t(h)
			f := l.tmf(pdu.TMFLogicalUnitReset, true)
			l.acknowledge()
			l.Send(f.BHS(), nil)
			l.still("no response before the data that the R2T asked for")
			l.serve(h, r2t, l.pattern(l.unit().Block))
			p := l.Recv("the response to LOGICAL UNIT RESET")
			if p.ITT() == h.ITT() && p.Opcode() == pdu.OpSCSIResponse {
				l.acknowledge()
				p = l.Recv("the response to LOGICAL UNIT RESET")
			}
			l.t.Want(p.ITT() == f.ITT() && p.Opcode() == pdu.OpTaskManagementResponse, "the response to LOGICAL UNIT RESET", "%v", p)
			l.quiet("no response for an affected task after that to the function")
		},
	}, {
		ID: "rfc7143/11.6.1/1", Title: "TARGET COLD RESET", Needs: writing, Groups: tmf, Also: []string{"rfc7143/11.5.1/14"},
		Rule: "TARGET COLD RESET ends all connections of all sessions, if it is supported.",
		Run: func(t *conform.T) {
			a, b := open(t), open(t)
			a.acknowledge()
			f := a.tmf(pdu.TMFTargetColdReset, true)
			a.Send(f.BHS(), nil)
			if o := a.Outcome(); o.PDU != nil {
				p := o.PDU
				a.t.Want(p.Opcode() == pdu.OpTaskManagementResponse && p.ITT() == f.ITT(), "the response, or the end of the connection", "%v", p)
				if p.TMF().Response() != pdu.TMFResponseComplete {
					t.Skip("the target does not carry it out: response %d", p.TMF().Response())
				}
				a.Closed("the end of the connection")
			}
			b.Ended("the end of the connection of another session")
		},
	}}
}
