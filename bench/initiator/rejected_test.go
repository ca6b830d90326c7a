package initiator

import (
	"errors"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/pdu"
)

// "Upon receiving the Reject, the initiator MUST plug the CmdSN gap in order to continue to use the session" (RFC 7143, 7.3). Loops do
// not plug it: a Reject of a command ends the session, and the run with it, instead of a wait for commands behind the gap.
func TestRunEndsAtAReject(t *testing.T) {
	s := (&stub{read: func(c *stubConn, n uint64, itt uint32) {
		if n != 50 {
			c.answer(itt)
			return
		}
		var h, bad pdu.BHS
		bad.Init(pdu.OpSCSICommand)
		bad.SetITT(itt)
		h.Init(pdu.OpReject)
		(*pdu.Reject)(&h).SetReason(pdu.RejectCommandNotSupported)
		c.send(&h, bad[:], true)
	}}).start(t)
	ls := loopsFor(t, LoopsConfig{Sessions: s.configs(1)})
	r, err := ls.Run(t.Context(), stubReads(Workload{Depth: 4, Count: 5000}))
	if rejected := new(RejectError); !errors.As(err, &rejected) || !strings.Contains(err.Error(), "session 0, CID 0") {
		t.Fatalf("the run ends with %v; want the Reject, and of which connection", err)
	}
	if r.Ended != EndedError || r.Requests() < 40 || r.Requests() > 60 {
		t.Errorf("ended by %s with %d requests", r.Ended, r.Requests())
	}
}

// "The initiator MUST honor this request by issuing a Text Request (that can be empty) on the same connection" (RFC 7143, 11.9.1).
func TestRunNegotiatesWhenAsked(t *testing.T) {
	asked := make(chan struct{})
	s := (&stub{
		read: func(c *stubConn, n uint64, itt uint32) {
			if n == 50 {
				var h pdu.BHS
				h.Init(pdu.OpAsyncMessage)
				(*pdu.AsyncMessage)(&h).SetAsyncEvent(pdu.AsyncEventNegotiationRequest)
				c.send(&h, nil, true)
			}
			c.answer(itt)
		},
		text: func(c *stubConn, itt uint32) {
			var h pdu.BHS
			h.Init(pdu.OpTextResponse)
			r := (*pdu.TextResponse)(&h)
			r.SetFinal(true)
			r.SetITT(itt)
			r.SetTTT(pdu.ReservedTag)
			c.send(&h, nil, true)
			close(asked)
		},
	}).start(t)
	ls := loopsFor(t, LoopsConfig{Sessions: s.configs(1)})
	mustRun(t, ls, stubReads(Workload{Depth: 4, Count: 5000}))
	select {
	case <-asked:
	default:
		t.Error("no text request came")
	}
	mustRun(t, ls, stubReads(Workload{Depth: 4, Count: 10})) // the session is as it was
}
