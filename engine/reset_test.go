package engine

import (
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/pdu"
)

// Two sessions reset the same unit at once, from two loops, while a third session's commands are stuck in the backend and
// its connection goes: both are answered, and everything comes back.
func TestResetsThatCross(t *testing.T) {
	t.Parallel()
	f := holding(memory(t, 1<<20))
	r := newRigWith(t, Config{Cores: make([]int, 2)}, quietNode, f)
	a, b, c, d := r.login(1), r.login(2), r.login(3), r.login(4)
	for _, i := range []*initiator{a, b, c, d} {
		i.startRead(0, 0, 8)
		i.startWrite(0, 0, fill(4096, 1))
	}
	waitFor(t, "the commands to reach the backend", func() bool { return f.Held() == 8 })
	resets := []uint32{a.manage(pdu.TMFLogicalUnitReset, 0, pdu.ReservedTag, 0), b.manage(pdu.TMFLogicalUnitReset, 0, pdu.ReservedTag, 0)}
	c.Conn.Close()
	d.manage(pdu.TMFClearTaskSet, 0, pdu.ReservedTag, 0)
	d.Conn.Close() // does not hear of it
	for k, i := range []*initiator{a, b} {
		i.wantManaged(resets[k], pdu.TMFResponseComplete)
		i.clearAttention(0)
	}
	f.Release(-1)
	waitFor(t, "tasks and buffers to come back", r.quiet(2))
	a.ping()
	b.ping()
}

// TARGET COLD RESET ends every connection to the target (RFC 7143 11.5.1), the sender's after its answer, whatever is
// stuck in the backend.
func TestColdReset(t *testing.T) {
	t.Parallel()
	f := holding(memory(t, 1<<20))
	r := newRigWith(t, Config{Cores: make([]int, 2)}, quietNode, f)
	a, b := r.login(1), r.login(2)
	b.startRead(0, 0, 8)
	waitFor(t, "the command to reach the backend", func() bool { return f.Held() == 1 })
	tag := a.manage(pdu.TMFTargetColdReset, 0, pdu.ReservedTag, 0)
	answered := false
	for a.Recv() == nil {
		answered = answered || a.Header.Opcode() == pdu.OpTaskManagementResponse && a.Header.ITT() == tag
	}
	check.That(t, answered, "TARGET COLD RESET was not answered")
	for b.Recv() == nil {
	}
	f.Release(-1)
	waitFor(t, "everything to come back", r.quiet(0))
	r.login(1).ping()
}
