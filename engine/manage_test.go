package engine

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/faulttest"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/internal/rawclient"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/pdu"
)

// joined is one session of several connections, which take CmdSNs and tags from one place.
type joined struct {
	r     *rig
	conns []*initiator
	sn    atomic.Uint32
	itt   atomic.Uint32
}

// join logs in with n connections. The host spreads them over the loops: the first is where the kernel put it, and the
// others where fewest are.
func (r *rig) join(isid byte, n int, keys ...string) *joined {
	r.t.Helper()
	lead := r.login(isid, append(keys, "MaxConnections", "8")...)
	j := &joined{r: r, conns: []*initiator{lead}}
	j.sn.Store(lead.CmdSN)
	j.itt.Store(lead.ITT)
	var tsih uint16
	for _, s := range r.e.node.Sessions() {
		if s.ISID[5] == isid {
			tsih = s.TSIH
		}
	}
	for cid := 1; cid < n; cid++ {
		i := r.dial()
		i.CmdSN = j.sn.Load()
		i.join(isid, tsih, uint16(cid), rawclient.Text("InitiatorName", fmt.Sprintf("iqn.2026-11.test:%d", isid), "TargetName", testTarget))
		j.conns = append(j.conns, i)
	}
	return j
}

// spread fails the test where two connections are not on two loops.
func (j *joined) spread() {
	j.r.t.Helper()
	loops := map[int]bool{}
	for _, s := range j.r.e.node.Sessions() {
		for _, c := range s.Conns() {
			loops[c.Loop()] = true
		}
	}
	must.Be(j.r.t, len(loops) >= 2, "all connections are on loops %v", loops)
}

// next gives connection i the session's numbers for one request.
func (j *joined) next(i int, immediate bool) *initiator {
	c := j.conns[i]
	c.ITT = j.itt.Add(1) - 1
	if immediate {
		c.CmdSN = j.sn.Load()
	} else {
		c.CmdSN = j.sn.Add(1) - 1
	}
	return c
}

// startRead sends a READ(10) of one block on connection i, and returns its tag and CmdSN.
func (j *joined) startRead(i int, lba uint32) (itt, sn uint32) {
	c := j.next(i, false)
	return c.startRead(0, lba, 1), c.CmdSN - 1
}

// wantManaged reads the response of a function that is the next to come.
func (i *initiator) wantManaged(itt uint32, want pdu.TaskResponse) {
	i.t.Helper()
	i.read()
	p := (*pdu.TaskManagementResponse)(&i.Header)
	if i.Header.Opcode() != pdu.OpTaskManagementResponse || i.Header.ITT() != itt || p.Response() != want {
		i.t.Fatalf("%v for %d, response %d; want the function's, %d", i.Header.Opcode(), i.Header.ITT(), p.Response(), want)
	}
	i.ExpStatSN = p.StatSN() + 1
}

// stuck serves a unit whose first block is never read before the test says so, on two loops.
func stuck(t *testing.T) (*rig, *faulttest.Backend) {
	f := faulttest.New(memory(t, 1<<20))
	r := newRigWith(t, Config{Cores: make([]int, 2)}, quietNode, f)
	return r, f
}

// ABORT TASK on one connection reaches the task on another loop, in a backend that does not answer (RFC 7143 4.2.5.1, 11.6.1),
// and concerns that task alone.
func TestAbortTaskOnAnotherLoop(t *testing.T) {
	t.Parallel()
	r, f := stuck(t)
	j := r.join(1, 2)
	j.spread()
	hold(f)
	tag, sn := j.startRead(1, 0)
	waitFor(t, "the command to reach the backend", func() bool { return f.Held() == 1 })
	other, _ := j.startRead(1, 0)
	waitFor(t, "both to be there", func() bool { return f.Held() == 2 })
	a := j.next(0, true)
	a.wantManaged(a.manage(pdu.TMFAbortTask, 0, tag, sn), pdu.TMFResponseComplete)
	a = j.next(0, true)
	a.wantManaged(a.manage(pdu.TMFAbortTask, 0, tag, sn), pdu.TMFResponseTaskDoesNotExist)
	f.Release(-1)
	j.conns[1].good(other)
	waitFor(t, "tasks and buffers to come back", r.quiet(2))
}

// holding is a unit over b whose first block is never read before the test says so.
func holding(b lun.Backend) *faulttest.Backend {
	f := faulttest.New(b)
	hold(f)
	return f
}

// hold keeps every request for the first block in the backend.
func hold(f *faulttest.Backend) {
	f.Decide(func(r *lun.Request) faulttest.Fate { return faulttest.Fate{Hold: r.Off == 0} })
}

// LOGICAL UNIT RESET ends the session's tasks on both loops and is answered after that, although the backend has them
// (4.2.3.3); what comes behind it in CmdSN order waits for it, on whatever connection.
func TestResetReachesAnotherLoop(t *testing.T) {
	t.Parallel()
	for _, f := range []pdu.TaskFunction{pdu.TMFLogicalUnitReset, pdu.TMFAbortTaskSet} {
		t.Run(fmt.Sprint(f), func(t *testing.T) {
			t.Parallel() // each waits for abortGrace
			r, fault := stuck(t)
			j := r.join(1, 2)
			j.spread()
			hold(fault)
			for i := range 4 {
				j.startRead(i%2, 0)
			}
			waitFor(t, "the commands to reach the backend", func() bool { return fault.Held() == 4 })
			a := j.next(0, true)
			tag := a.manage(f, 0, pdu.ReservedTag, 0)
			behind, _ := j.startRead(1, 8)
			a.wantManaged(tag, pdu.TMFResponseComplete)
			j.conns[1].finish(behind) // GOOD, or the unit attention of a reset
			fault.Release(-1)
			waitFor(t, "tasks and buffers to come back", r.quiet(2))
		})
	}
}

// A command of the issuing session that is not before the function in CmdSN order is not the function's to end, and gets its
// answer even if the host had it already: who issued the function waits for it.
func TestResetLeavesLaterCommands(t *testing.T) {
	t.Parallel()
	for _, f := range []pdu.TaskFunction{pdu.TMFLogicalUnitReset, pdu.TMFClearTaskSet, pdu.TMFTargetWarmReset} {
		t.Run(fmt.Sprint(f), func(t *testing.T) {
			t.Parallel()
			r, fault := stuck(t)
			j := r.join(1, 2)
			j.spread()
			hold(fault)
			a := j.next(0, true) // with the CmdSN of the read that follows: before it
			tag, _ := j.startRead(1, 0)
			waitFor(t, "the read to reach the backend", func() bool { return fault.Held() == 1 })
			a.wantManaged(a.manage(f, 0, pdu.ReservedTag, 0), pdu.TMFResponseComplete)
			fault.Release(-1)
			j.conns[1].good(tag)
			waitFor(t, "tasks and buffers to come back", r.quiet(2))
		})
	}
}

// TARGET COLD RESET ends all connections of all sessions, those of the issuing one as soon as its response is out (11.5.1).
func TestColdResetOfASession(t *testing.T) {
	t.Parallel()
	r, fault := stuck(t)
	j := r.join(1, 3)
	third := r.login(9)
	hold(fault)
	j.startRead(1, 0)
	waitFor(t, "the read to reach the backend", func() bool { return fault.Held() == 1 })
	a := j.next(0, true)
	a.wantManaged(a.manage(pdu.TMFTargetColdReset, 0, pdu.ReservedTag, 0), pdu.TMFResponseComplete)
	for _, i := range append(j.conns, third) {
		for i.Recv() == nil {
		}
	}
	fault.Release(-1)
	waitFor(t, "everything to come back", r.quiet(0))
}

// Resets race commands on four connections over two loops, round after round: each command behind a reset is answered on its
// connection, each reset once, and at the end nothing is left. Fenced, the initiator acknowledges as it goes.
func TestResetsRaceCommands(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"RFC3720", "ResponseFence", "FastAbort"} {
		r := newRigWith(t, Config{Cores: make([]int, 2)}, quietNode, memory(t, 1<<20))
		j := r.join(1, 4, "TaskReporting", how)
		j.spread()
		functions := []pdu.TaskFunction{pdu.TMFLogicalUnitReset, pdu.TMFClearTaskSet, pdu.TMFAbortTaskSet, pdu.TMFTargetWarmReset}
		for round := range 60 {
			issuer := round % 4
			var tag atomic.Uint32
			var numbered, done sync.WaitGroup
			numbered.Add(4)
			for i := range 4 {
				done.Go(func() {
					c := j.conns[i]
					ours := &joined{r: r, conns: j.conns} // numbers by blocks, so that no two requests share a connection's fields
					base := j.sn.Load() + uint32(i*3)
					ours.itt.Store(uint32(round*64+i*8) + 100000)
					numbered.Done()
					numbered.Wait()
					ours.sn.Store(base)
					for range 3 {
						ours.startRead(i, uint32(round))
					}
					if i == issuer {
						// Behind the reads of all, before those that follow.
						ours.sn.Store(j.sn.Load() + 12)
						ours.next(i, false)
						tag.Store(manageQueued(c, functions[round%len(functions)]))
					}
					ours.sn.Store(j.sn.Load() + 13 + uint32(i*3))
					behind := map[uint32]bool{}
					for range 3 {
						itt, _ := ours.startRead(i, uint32(round))
						behind[itt] = true
					}
					managed := i != issuer
					for len(behind) > 0 || !managed {
						c.read()
						switch itt := c.Header.ITT(); c.Header.Opcode() {
						case pdu.OpNOPIn:
							c.answerPing(j.sn.Load())
							continue
						case pdu.OpTaskManagementResponse:
							check.That(t, !managed && itt == tag.Load(), "round %d: a response to function %d", round, itt)
							managed = true
						case pdu.OpDataIn:
							if !(*pdu.DataIn)(&c.Header).StatusPresent() {
								continue
							}
							delete(behind, itt)
						case pdu.OpSCSIResponse:
							delete(behind, itt)
						case pdu.OpAsyncMessage:
						default:
							t.Errorf("round %d: %v", round, c.Header.Opcode())
						}
						c.ExpStatSN++
					}
				})
			}
			done.Wait()
			j.sn.Add(25)
			if t.Failed() {
				return
			}
			// The last response may still be asked about: an acknowledgement ends the fence.
			for _, c := range j.conns {
				c.acknowledge(j.sn.Load(), pdu.ReservedTag)
			}
		}
		waitFor(t, "tasks and buffers to come back", r.quiet(4))
	}
}

// manageQueued sends a function that takes the CmdSN which next gave.
func manageQueued(c *initiator, f pdu.TaskFunction) uint32 {
	c.send(c.Manage(f, 0, false).BHS(), nil)
	return c.ITT
}

// answerPing answers a NOP-In that asks for it.
func (i *initiator) answerPing(sn uint32) {
	if ttt := (*pdu.NOPIn)(&i.Header).TTT(); ttt != pdu.ReservedTag {
		i.acknowledge(sn, ttt)
	}
}

// acknowledge sends ExpStatSN.
func (i *initiator) acknowledge(sn, ttt uint32) {
	h := rawclient.Request(pdu.OpNOPOut, pdu.ReservedTag, sn, i.ExpStatSN)
	h.SetImmediate(true)
	(*pdu.NOPOut)(h).SetTTT(ttt)
	i.send(h, nil)
}

// Resets that arrive together share one sweep. A sweep visits every connection of the target, so without that a thousand
// resets of one initiator would cost the others a thousand sweeps.
func TestResetsShareASweep(t *testing.T) {
	t.Parallel()
	r, _ := stuck(t)
	j := r.join(1, 1)
	other := r.login(2)
	const n = 24
	before := r.sweeps()
	c := j.next(0, true)
	var b []byte
	first := c.ITT + 1
	for range n {
		b = append(b, c.Manage(pdu.TMFLogicalUnitReset, 0, true)[:]...)
	}
	must.Get(c.Conn.Write(b))(t)
	for i := range n {
		c.wantManaged(first+uint32(i), pdu.TMFResponseComplete)
	}
	// One send mostly arrives in one receive; a loaded machine may split it once or twice.
	if got := r.sweeps() - before; got > n/4 {
		t.Errorf("%d sweeps for %d resets", got, n)
	}
	other.clearAttention(0)
	other.good(other.startRead(0, 1, 1))
}

func (r *rig) sweeps() (n uint64) {
	for _, l := range r.e.loops {
		r.e.on(l, func() { n += l.stats.Sweeps })
	}
	return n
}
