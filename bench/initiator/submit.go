package initiator

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/ringtgt/ringtgt/pdu"
)

// Submit starts a command on connection cmd.Conn and returns. Done is called once, when the command has ended, unless Submit
// returns an error: ErrUsage, ErrConnLost or ErrNoConn. While the window is closed, a non-immediate command waits. The command
// and its buffers belong to the session until Done.
func (s *Session) Submit(cmd *Command) error {
	c, err := s.conn(cmd.Conn)
	if err != nil {
		return err
	}
	if cmd.Kind == KindLogout && cmd.Reason == pdu.LogoutCloseSession {
		s.leaving.Store(true)
	}
	return c.submit(cmd)
}

// Exec carries out a command and waits for it. cmd.Done is overwritten. The error is nil if the target answered, whatever the
// answer: see Result.Good. If ctx ends first, the error is that of ctx. A command that was not sent yet is then withdrawn; one
// that was sent still belongs to the session.
func (s *Session) Exec(ctx context.Context, cmd *Command) error {
	done := make(chan struct{})
	cmd.Done = func(*Command) { close(done) }
	if err := s.Submit(cmd); err != nil {
		return err
	}
	select {
	case <-done:
		return cmd.Result.Err
	case <-ctx.Done():
	}
	if c, err := s.conn(cmd.Conn); err == nil {
		c.mu.Lock()
		c.p.Withdraw(cmd)
		c.mu.Unlock()
	}
	return ctx.Err()
}

// succeed is Exec for a command that must be answered with success.
func (s *Session) succeed(ctx context.Context, cmd *Command) error {
	if err := s.Exec(ctx, cmd); err != nil {
		return err
	}
	return cmd.Result.Good()
}

// Tag returns the Initiator Task Tag and the CmdSN of a command that is under
// way; sent is false while it waits and has neither.
func (s *Session) Tag(cmd *Command) (itt, cmdSN uint32, sent bool) {
	c, err := s.conn(cmd.Conn)
	if err != nil {
		return 0, 0, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.p.Tag(cmd)
}

// HoldData keeps back the Data-Out PDUs of a connection until it is called with
// false, so that a test can keep writes in flight for as long as it likes.
func (s *Session) HoldData(cid uint16, hold bool) error {
	c, err := s.conn(cid)
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.p.HoldData(hold)
	c.mu.Unlock()
	c.wake()
	return nil
}

// concluded applies the effects of a task management function or logout, before its owner is told.
func (s *Session) concluded(c *conn, cmd *Command) {
	r := &cmd.Result
	switch cmd.Kind {
	case KindTMF:
		if r.Err == nil && r.TMF == pdu.TMFResponseComplete {
			s.terminate(cmd)
		}
	case KindLogout:
		ok := r.Err == nil && r.Logout == pdu.LogoutResponseSuccess
		switch {
		case cmd.Reason == pdu.LogoutCloseSession:
			if ok {
				s.closed()
			}
			s.leaving.Store(ok)
		case !ok:
		case cmd.CID == c.cid:
			c.lose(ErrLoggedOut)
		default:
			if other, err := s.conn(cmd.CID); err == nil {
				other.lose(ErrLoggedOut)
			}
		}
	}
}

// LUN returns the LUN field for a logical unit number (SAM-5, 4.7): peripheral
// device addressing up to 255, flat space addressing up to 16383.
func LUN(n int) uint64 {
	if n < 256 {
		return uint64(n&0xff) << 48
	}
	return uint64(n&0x3fff|0x4000) << 48
}

// rw16 is a READ(16) or, with op 0x8a, WRITE(16) CDB (SBC-3).
func rw16(op byte, lba uint64, blocks uint32) []byte {
	cdb := make([]byte, 16)
	cdb[0] = op
	binary.BigEndian.PutUint64(cdb[2:], lba)
	binary.BigEndian.PutUint32(cdb[10:], blocks)
	return cdb
}

// Read reads blocks from lba into buf, which must be exactly that long, by
// READ(16). The error is a *StatusError if the status is not GOOD.
func (s *Session) Read(ctx context.Context, cid uint16, lun uint64, lba uint64, blocks uint32, buf []byte) error {
	cmd := &Command{Conn: cid, LUN: lun, CDB: rw16(0x88, lba, blocks), In: buf, Attr: pdu.TaskAttrSimple}
	if err := s.succeed(ctx, cmd); err != nil {
		return err
	}
	if int(cmd.Result.Transferred) != len(buf) {
		return fmt.Errorf("initiator: %d bytes of %d were read", cmd.Result.Transferred, len(buf))
	}
	return nil
}

// Write writes blocks from buf, which must be exactly that long, at lba by WRITE(16).
func (s *Session) Write(ctx context.Context, cid uint16, lun uint64, lba uint64, blocks uint32, buf []byte) error {
	cmd := &Command{Conn: cid, LUN: lun, CDB: rw16(0x8a, lba, blocks), Out: buf, Attr: pdu.TaskAttrSimple}
	return s.succeed(ctx, cmd)
}

// Ready sends TEST UNIT READY until the unit has reported the unit attentions of a new nexus (SAM-5, 5.14).
func (s *Session) Ready(ctx context.Context, cid uint16, lun uint64) error {
	var err error
	for range maxUnitAttentions {
		cmd := &Command{Conn: cid, LUN: lun, CDB: make([]byte, 6), Attr: pdu.TaskAttrSimple}
		if err := s.Exec(ctx, cmd); err != nil {
			return err
		}
		if err = cmd.Result.Good(); err == nil {
			break
		}
	}
	return err
}

// Capacity returns the number of logical blocks and their length in bytes, by READ CAPACITY(16) (SBC-3, 5.16).
func (s *Session) Capacity(ctx context.Context, cid uint16, lun uint64) (blocks uint64, size uint32, err error) {
	var data [32]byte
	cdb := make([]byte, 16)
	cdb[0], cdb[1], cdb[13] = 0x9e, 0x10, byte(len(data))
	cmd := &Command{Conn: cid, LUN: lun, CDB: cdb, In: data[:], Attr: pdu.TaskAttrSimple}
	if err := s.succeed(ctx, cmd); err != nil {
		return 0, 0, err
	}
	if cmd.Result.Transferred < 12 {
		return 0, 0, fmt.Errorf("initiator: READ CAPACITY(16) returns %d bytes", cmd.Result.Transferred)
	}
	return binary.BigEndian.Uint64(data[0:]) + 1, binary.BigEndian.Uint32(data[8:]), nil
}
