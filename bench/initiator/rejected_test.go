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
