package initiator

import (
	"context"

	"github.com/ringtgt/ringtgt/pdu"
)

// TMF carries out a task management function on connection cid (RFC 7143, 11.5) and returns the target's response. refITT is
// pdu.ReservedTag and refCmdSN 0 where the function names no task. When the function completes, the tasks that it aborted end
// with ErrAborted.
func (s *Session) TMF(ctx context.Context, cid uint16, function pdu.TaskFunction, lun uint64, refITT, refCmdSN uint32, immediate bool) (pdu.TaskResponse, error) {
	cmd := &Command{Kind: KindTMF, Conn: cid, Function: function, LUN: lun, RefITT: refITT, RefCmdSN: refCmdSN, Immediate: immediate}
	if err := s.Exec(ctx, cmd); err != nil {
		return 0, err
	}
	return cmd.Result.TMF, nil
}

// Abort aborts one command that is in progress, by an immediate ABORT TASK on its own connection (11.5.1, 11.5.5). A command
// that was not sent yet is withdrawn: its Done is called with ErrAborted and the response is Function complete.
func (s *Session) Abort(ctx context.Context, cmd *Command) (pdu.TaskResponse, error) {
	c, err := s.conn(cmd.Conn)
	if err != nil {
		return 0, err
	}
	c.mu.Lock()
	itt, sn, sent := c.p.Tag(cmd)
	withdrawn := !sent && c.p.Withdraw(cmd)
	lun := cmd.LUN
	c.mu.Unlock()
	if withdrawn {
		cmd.Result.Err = ErrAborted
		if cmd.Done != nil {
			cmd.Done(cmd)
		}
	}
	if !sent {
		return pdu.TMFResponseComplete, nil
	}
	if cmd.Immediate { // "the RefCmdSN MUST be that of the task management request itself" (11.5.5)
		sn = s.n.CmdSN()
	}
	return s.TMF(ctx, c.cid, pdu.TMFAbortTask, lun, itt, sn, true)
}

// Ping sends a NOP-Out with data and waits for the NOP-In that returns it (11.18).
func (s *Session) Ping(ctx context.Context, cid uint16, data []byte, immediate bool) error {
	return s.Exec(ctx, &Command{Kind: KindPing, Conn: cid, Text: data, Immediate: immediate})
}

// Logout closes the session by a Logout Request on its first connection (11.14, reason 0).
func (s *Session) Logout(ctx context.Context) error {
	cids := s.CIDs()
	if len(cids) == 0 {
		return ErrConnLost
	}
	cmd := &Command{Kind: KindLogout, Conn: cids[0], Reason: pdu.LogoutCloseSession, Immediate: true}
	if err := s.succeed(ctx, cmd); err != nil {
		return err
	}
	s.readers.Wait()
	return nil
}

// LogoutConn closes connection cid (reason 1) by a Logout Request on connection over, which may be the same. If that connection
// is lost, only the target's side is closed: its tasks end, and the CID is free (11.14).
func (s *Session) LogoutConn(ctx context.Context, over, cid uint16) error {
	cmd := &Command{Kind: KindLogout, Conn: over, Reason: pdu.LogoutCloseConnection, CID: cid, Immediate: true}
	return s.succeed(ctx, cmd)
}

// SendTargets asks for targets by a Text negotiation and returns the keys of
// the answer in order (appendix C). what is "All", "" or a name.
func (s *Session) SendTargets(ctx context.Context, cid uint16, what string) ([]pdu.KeyValue, error) {
	cmd := &Command{Kind: KindText, Conn: cid, Text: pdu.AppendText(nil, "SendTargets", what), TTT: pdu.ReservedTag}
	var text []byte
	for {
		if err := s.Exec(ctx, cmd); err != nil {
			return nil, err
		}
		r := &cmd.Result
		text = append(text, r.Text...)
		if r.Final || len(text) > maxText {
			return pdu.ParseText(text, maxTargets)
		}
		// The rest is fetched by an empty request with the tag (11.10.4).
		cmd = &Command{Kind: KindText, Conn: cid, TTT: r.TTT, LUN: r.LUN}
	}
}
