package initiator

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/ringtgt/ringtgt/pdu"
)

// loss is what a lost connection left to recover.
type loss struct {
	at        time.Time // when it was lost
	expStatSN uint32
	holes     []hole
	again     []*Command
}

// hole is a non-immediate request whose CmdSN may never reach the target.
type hole struct {
	cmdSN, itt uint32
	lun        uint64
}

// add takes a command that the connection's end ended. What Recover needs is copied: the command may be used again at once.
func (l *loss) add(cmd *Command) {
	if cmd.Result.Sent && !cmd.Immediate {
		l.holes = append(l.holes, hole{cmd.Result.CmdSN, cmd.Result.ITT, cmd.LUN})
	}
	if cmd.Kind == KindSCSI {
		l.again = append(l.again, cmd)
	}
}

// merge adds what an earlier connection of the CID left.
func (l *loss) merge(old *loss) {
	if old != nil {
		l.holes = append(old.holes, l.holes...)
		l.again = append(old.again, l.again...)
	}
}

// Kill closes a connection's socket without a logout: by a TCP reset if reset
// is set, otherwise by a FIN. Its commands end with ErrConnLost.
func (s *Session) Kill(cid uint16, reset bool) error {
	c, err := s.conn(cid)
	if err != nil {
		return err
	}
	if tcp, ok := c.nc.(*net.TCPConn); ok && reset {
		_ = tcp.SetLinger(0)
	}
	c.lose(ErrConnLost)
	return nil
}

// RecoverOptions says how to recover. The zero value reinstates the CID after Time2Wait.
type RecoverOptions struct {
	// LeaveOut does not bring the connection back: the target's side is closed by a logout on connection Over.
	LeaveOut bool
	Over     uint16
	// NoWait does not wait for the negotiated DefaultTime2Wait (RFC 7143, 13.15).
	NoWait bool
}

// Recover does what an initiator can do at ErrorRecoveryLevel 0 after it has lost a connection. It reinstates the CID (6.3.4),
// or logs it out, so that the target drops the old connection. Then it plugs the holes, the CmdSNs of the lost requests that
// ExpCmdSN has not passed, by ABORT TASK with RefCmdSN (11.5.5, 11.6.1). It returns the SCSI commands that were lost, to be
// issued again: whether the target carried them out is not known.
//
// If no other connection is left, the new one continues the session if the target still has it. Otherwise (status 0x020a) the
// error is ErrSessionLost, and only a new Dial helps.
func (s *Session) Recover(ctx context.Context, cid uint16, o RecoverOptions) ([]*Command, error) {
	s.mu.Lock()
	l := s.lost[cid]
	up := s.conns[cid] != nil
	s.mu.Unlock()
	if l == nil && !up {
		return nil, ErrNoConn
	}
	if l != nil && !up {
		if err := s.comeBack(ctx, cid, l, o); err != nil {
			return nil, err
		}
	}
	over := cid
	if o.LeaveOut && !up {
		over = o.Over
	}
	// From here on the loss is ours. If a connection dies meanwhile, its own Recover finds what it left; ours goes back.
	s.mu.Lock()
	l = s.lost[cid]
	delete(s.lost, cid)
	s.mu.Unlock()
	if l == nil {
		return nil, nil
	}
	if err := s.plug(ctx, over, l); err != nil {
		s.mu.Lock()
		l.merge(s.lost[cid])
		s.lost[cid] = l
		s.mu.Unlock()
		return nil, err
	}
	return l.again, nil
}

// comeBack reinstates the connection, or logs it out on another one.
func (s *Session) comeBack(ctx context.Context, cid uint16, l *loss, o RecoverOptions) error {
	if !o.NoWait {
		wait := time.Duration(s.params.DefaultTime2Wait)*time.Second - time.Since(l.at)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if o.LeaveOut {
		err := s.LogoutConn(ctx, o.Over, cid)
		var r *LogoutError
		if errors.As(err, &r) && r.Response == pdu.LogoutResponseCIDNotFound {
			return nil // the target has cleaned up by itself
		}
		return err
	}
	err := s.Join(ctx, cid, "")
	var refused *LoginError
	if errors.As(err, &refused) && refused.Status == pdu.LoginSessionDoesNotExist {
		return fmt.Errorf("%w: %w", ErrSessionLost, refused)
	}
	return err
}

// plug fills the holes of a loss, lowest first, one function at a time: a
// target need take only one immediate function a connection (4.2.2.1).
func (s *Session) plug(ctx context.Context, over uint16, l *loss) error {
	slices.SortFunc(l.holes, func(a, b hole) int { return int(pdu.SNDiff(a.cmdSN, b.cmdSN)) })
	for len(l.holes) > 0 {
		h := l.holes[0]
		if pdu.SNLess(h.cmdSN, s.n.ExpCmdSN()) {
			l.holes = l.holes[1:] // it had arrived, or the target has dropped it
			continue
		}
		r, err := s.TMF(ctx, over, pdu.TMFAbortTask, h.lun, h.itt, h.cmdSN, true)
		if err != nil {
			return err
		}
		// Function complete: the CmdSN is "considered received"; task does
		// not exist: it is not in the window any more (11.6.1).
		if r != pdu.TMFResponseComplete && r != pdu.TMFResponseTaskDoesNotExist {
			return fmt.Errorf("initiator: plugging CmdSN %d: task management response %d", h.cmdSN, r)
		}
		l.holes = l.holes[1:]
	}
	return nil
}

// Plug fills the hole in CmdSN order left by a request of ours that the target rejected: it does not count as received (7.3).
func (s *Session) Plug(ctx context.Context, over uint16, r Result, lun uint64) error {
	l := &loss{holes: []hole{{r.CmdSN, r.ITT, lun}}}
	return s.plug(ctx, over, l)
}
