package initiator

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/ringtgt/ringtgt/pdu"
)

// mcs makes a session of n connections with a daemon of two loops and makes its unit ready. The test is skipped while the daemon grants fewer.
func mcs(t *testing.T, n int, change func(*Config)) *Session {
	t.Helper()
	d := startDaemon(t, "", "--lun", "mem:64M")
	cfg := daemonConfig(d, 1)
	cfg.Connections = n
	if change != nil {
		change(&cfg)
	}
	s := real(t, cfg)
	needMCS(t, s, n)
	if err := s.Ready(t.Context(), 0, 0); err != nil {
		t.Fatal(err)
	}
	return s
}

// RFC 7143, 4.2.2.1: the target "MUST deliver the commands for execution in the order specified by the CmdSN": with numbers sent in reverse across connections no
// answer comes before the gap closes, and then all do.
func TestMCSReversedNumbers(t *testing.T) {
	s := mcs(t, 4, func(c *Config) { c.FirstCmdSN = 0xfffffffd })
	first := s.Reserve(4)
	exp := s.ExpCmdSN()
	var ends []<-chan *Command
	for i := 3; i >= 1; i-- {
		cmd := testUnitReady(uint16(i))
		cmd.Numbered, cmd.CmdSN = true, first+uint32(i)
		ends = append(ends, start(t, s, cmd))
		// A ping on the same connection comes back after the target has read the command.
		if err := s.Ping(t.Context(), uint16(i), nil, true); err != nil {
			t.Fatal(err)
		}
	}
	if s.ExpCmdSN() != exp {
		t.Errorf("ExpCmdSN went from %#x to %#x over a gap", exp, s.ExpCmdSN())
	}
	for _, done := range ends {
		select {
		case c := <-done:
			t.Errorf("CmdSN %#x is answered before %#x was sent", c.Result.CmdSN, first)
		default:
		}
	}
	cmd := testUnitReady(0)
	cmd.Numbered, cmd.CmdSN = true, first
	ends = append(ends, start(t, s, cmd))
	for _, done := range ends {
		if c := wantOver(t, done, nil); c.Result.Good() != nil {
			t.Errorf("CmdSN %#x: %v", c.Result.CmdSN, c.Result.Good())
		}
	}
}

// Data goes through all connections at once and comes back as it was written.
func TestMCSData(t *testing.T) {
	for _, n := range []int{2, 4, 8} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			s := mcs(t, n, nil)
			var wg sync.WaitGroup
			for cid := range n {
				wg.Go(func() {
					rng := rand.New(rand.NewPCG(7, uint64(cid)))
					data, got := make([]byte, 64<<10), make([]byte, 64<<10)
					base := uint64(cid) * 8192
					for range 100 {
						blocks := 1 + rng.IntN(128)
						for i := range data[:blocks*512] {
							data[i] = byte(rng.Uint32())
						}
						lba := base + rng.Uint64N(8192-128)
						if err := s.Write(t.Context(), uint16(cid), 0, lba, uint32(blocks), data[:blocks*512]); err != nil {
							t.Error(err)
							return
						}
						other := uint16(rng.IntN(n)) // what one connection wrote any other reads
						if err := s.Read(t.Context(), other, 0, lba, uint32(blocks), got[:blocks*512]); err != nil {
							t.Error(err)
							return
						}
						if !bytes.Equal(got[:blocks*512], data[:blocks*512]) {
							t.Errorf("CID %d: %d blocks at %d come back changed over CID %d", cid, blocks, lba, other)
							return
						}
					}
				})
			}
			wg.Wait()
		})
	}
}

// 7.2.1, 6.3.4: a connection dies with commands that wait behind a gap; it is
// reinstated, or logged out, the gap is plugged, the commands are issued again.
func TestMCSRecovery(t *testing.T) {
	for _, o := range []RecoverOptions{{NoWait: true}, {NoWait: true, LeaveOut: true, Over: 2}} {
		t.Run(fmt.Sprintf("leave out %v", o.LeaveOut), func(t *testing.T) {
			s := mcs(t, 3, nil)
			gap := s.Reserve(1) // never sent by whom it belongs to: CID 1
			var held, lost []<-chan *Command
			for range 3 {
				lost = append(lost, start(t, s, testUnitReady(1)))
				held = append(held, start(t, s, testUnitReady(2)))
			}
			for cid := range uint16(3) {
				if err := s.Ping(t.Context(), cid, nil, true); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Kill(1, true); err != nil {
				t.Fatal(err)
			}
			for _, done := range lost {
				wantOver(t, done, ErrConnLost)
			}
			again, err := s.Recover(t.Context(), 1, o)
			if err != nil || len(again) != 3 {
				t.Fatalf("Recover returns %d commands, %v", len(again), err)
			}
			if err := s.Plug(t.Context(), 0, Result{CmdSN: gap, ITT: 0x11}, 0); err != nil {
				t.Fatal(err)
			}
			for _, done := range held {
				if c := wantOver(t, done, nil); c.Result.Good() != nil {
					t.Error(c.Result.Good())
				}
			}
			for _, cmd := range again {
				if o.LeaveOut {
					cmd.Conn = 0
				}
				if c := wantOver(t, start(t, s, cmd), nil); c.Result.Good() != nil {
					t.Error(c.Result.Good())
				}
			}
		})
	}
}

// 11.13.5: a join that does not fit says why.
func TestMCSRefusedJoins(t *testing.T) {
	s := mcs(t, 2, func(c *Config) { c.Keys.MaxConnections = 2 })
	var e *LoginError
	if err := s.Join(t.Context(), 9, ""); !errors.As(err, &e) || e.Status != pdu.LoginTooManyConnections {
		t.Errorf("a third connection where MaxConnections is %d: %v; want 0x0206", s.Params().MaxConnections, err)
	}
	if err := s.LogoutConn(t.Context(), 0, 1); err != nil {
		t.Fatal(err)
	}
	if err := s.Join(t.Context(), 9, ""); err != nil {
		t.Errorf("after a logout there is room: %v", err)
	}
	s.tsih++
	if err := s.Join(t.Context(), 10, ""); !errors.As(err, &e) || e.Status != pdu.LoginSessionDoesNotExist {
		t.Errorf("a join of a session that is not there: %v; want 0x020a", err)
	}
	s.tsih--
}

// 11.5.1, 4.2.3.3: a reset over one connection ends the tasks of all.
func TestMCSReset(t *testing.T) {
	s := mcs(t, 2, nil)
	gap := s.Reserve(1)
	a, b := start(t, s, testUnitReady(0)), start(t, s, testUnitReady(1))
	for cid := range uint16(2) {
		if err := s.Ping(t.Context(), cid, nil, true); err != nil {
			t.Fatal(err)
		}
	}
	over := make(chan error, 1)
	go func() {
		r, err := s.TMF(t.Context(), 0, pdu.TMFLogicalUnitReset, 0, pdu.ReservedTag, 0, true)
		if err == nil && r != pdu.TMFResponseComplete {
			err = fmt.Errorf("response %d", r)
		}
		over <- err
	}()
	// An immediate function is carried out when the commands before it are there (4.2.3.3): once the gap is plugged.
	if err := s.Plug(t.Context(), 1, Result{CmdSN: gap, ITT: 0x11}, 0); err != nil {
		t.Fatal(err)
	}
	if err := <-over; err != nil {
		t.Fatal(err)
	}
	for _, done := range []<-chan *Command{a, b} {
		if c := wait(t, done); c.Result.Err != nil && !errors.Is(c.Result.Err, ErrAborted) {
			t.Errorf("CmdSN %d ends with %v", c.Result.CmdSN, c.Result.Err)
		}
	}
	if err := s.Ready(t.Context(), 1, 0); err != nil {
		t.Error(err)
	}
}

// The session's logout ends all connections (11.14); one connection's, that one.
func TestMCSLogouts(t *testing.T) {
	s := mcs(t, 4, nil)
	if err := s.LogoutConn(t.Context(), 3, 3); err != nil {
		t.Error(err)
	}
	if err := s.LogoutConn(t.Context(), 0, 2); err != nil {
		t.Errorf("CID 2 over CID 0: %v", err)
	}
	if ids := s.CIDs(); len(ids) != 2 {
		t.Errorf("connections %v, want 0 and 1", ids)
	}
	var e *LogoutError
	if err := s.LogoutConn(t.Context(), 0, 2); !errors.As(err, &e) || e.Response != pdu.LogoutResponseCIDNotFound {
		t.Errorf("CID 2 again: %v; want CID not found (11.15.1)", err)
	}
	if err := s.Logout(t.Context()); err != nil {
		t.Error(err)
	}
	if ids := s.CIDs(); len(ids) != 0 {
		t.Errorf("connections %v are up", ids)
	}
}

// 4.2.3.4, 11.9.1: with FastAbort, tasks that another session's reset ends are told of by event 5 on their connection, at once although their
// data is still to come; this session stops sending it and acknowledges, and the reset is answered.
func TestDaemonFastAbort(t *testing.T) {
	d := startDaemon(t, "", "--lun", "mem:16M")
	events := make(chan Async, 16)
	cfg := daemonConfig(d, 1)
	cfg.Connections = 2
	cfg.Keys = Keys{InitialR2T: Yes, ImmediateData: No, TaskReporting: "FastAbort"}
	cfg.OnAsync = func(a Async) { events <- a }
	s := real(t, cfg)
	needMCS(t, s, 2)
	if tr := s.Params().TaskReporting; tr != "FastAbort" {
		t.Fatalf("the target answers TaskReporting=%s", tr)
	}
	if err := s.Ready(t.Context(), 0, 0); err != nil {
		t.Fatal(err)
	}
	if err := s.HoldData(1, true); err != nil {
		t.Fatal(err)
	}
	write := start(t, s, &Command{Conn: 1, CDB: rw16(0x8a, 0, 256), Out: make([]byte, 256*512)})
	if err := s.Ping(t.Context(), 1, nil, false); err != nil { // not immediate: the target has the write before it
		t.Fatal(err)
	}
	other := real(t, daemonConfig(d, 2))
	if r, err := other.TMF(t.Context(), 0, pdu.TMFLogicalUnitReset, 0, pdu.ReservedTag, 0, true); err != nil || r != pdu.TMFResponseComplete {
		t.Fatalf("LOGICAL UNIT RESET: %v, %v", r, err)
	}
	wantOver(t, write, ErrTerminated)
	if a := <-events; a.CID != 1 || a.Message.AsyncEvent() != pdu.AsyncEventTasksTerminated || a.Message.LUN() != 0 {
		t.Errorf("event %d of LUN %#x on CID %d; want 5, 0, 1", a.Message.AsyncEvent(), a.Message.LUN(), a.CID)
	}
	if err := s.HoldData(1, false); err != nil {
		t.Fatal(err)
	}
	for cid := range uint16(2) {
		if err := s.Ready(t.Context(), cid, 0); err != nil {
			t.Error(err)
		}
	}
}

// Writes whose data is still to come are aborted, and lost with their connection, without harm to the session.
func TestMCSWritesUnderWay(t *testing.T) {
	s := mcs(t, 2, func(c *Config) { c.Keys = Keys{InitialR2T: Yes, ImmediateData: No} })
	if err := s.HoldData(1, true); err != nil {
		t.Fatal(err)
	}
	data := pattern(256 * 512)
	var cmds [4]*Command
	var ends [4]<-chan *Command
	for i := range cmds {
		cmds[i] = &Command{Conn: 1, CDB: rw16(0x8a, uint64(i)*256, 256), Out: data, Attr: pdu.TaskAttrSimple}
		ends[i] = start(t, s, cmds[i])
	}
	if err := s.Ping(t.Context(), 1, nil, false); err != nil {
		t.Fatal(err)
	}
	if r, err := s.Abort(t.Context(), cmds[2]); err != nil || r != pdu.TMFResponseComplete {
		t.Errorf("ABORT TASK: %v, %v", r, err)
	}
	wantOver(t, ends[2], ErrAborted)
	if err := s.Kill(1, true); err != nil {
		t.Fatal(err)
	}
	again, err := s.Recover(t.Context(), 1, RecoverOptions{NoWait: true})
	if err != nil || len(again) != 3 {
		t.Fatalf("Recover returns %d commands, %v; want the three that were not aborted", len(again), err)
	}
	// "The target MUST report a Unit Attention condition on the next command" (RFC 7143, 11.14.5): Ready takes it.
	if err := s.Ready(t.Context(), 0, LUN(0)); err != nil {
		t.Fatal(err)
	}
	for _, cmd := range again {
		if c := wantOver(t, start(t, s, cmd), nil); c.Result.Good() != nil {
			t.Error(c.Result.Good())
		}
	}
	for i, want := range [][]byte{data, data, make([]byte, len(data)), data} {
		got := make([]byte, len(data))
		if err := s.Read(t.Context(), 0, 0, uint64(i)*256, 256, got); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("write %d left other data than it should", i)
		}
	}
}
