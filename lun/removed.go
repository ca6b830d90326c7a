package lun

// The removal of a unit. Target.RemoveUnit hides it: commands that have not reached the unit's task set get LOGICAL UNIT NOT SUPPORTED,
// those in it go on. The engine waits for them or ends them (engine/withdraw.go), then the backend may be closed.

// Removed reports whether the unit was removed from its target.
func (u *Unit) Removed() bool { return u.removed.Load() }

// Gone reports whether the unit that the command was sent to does not exist for its initiator any more: it was removed, or the initiator
// has lost sight of it. Start would answer LOGICAL UNIT NOT SUPPORTED now. It is false of commands that are answered without a unit.
func (t *Task) Gone() bool {
	u := t.unit
	if u == nil || t.cmd != nil && t.cmd.flags&withoutUnit != 0 {
		return false
	}
	return u.removed.Load() || t.Nexus.pending[u.lun].Load()&uint32(unseen) != 0
}

// Uses reports whether the command works on u: it was sent to u, or copies from it or to it.
func (t *Task) Uses(u *Unit) bool { return t.unit == u || t.copy != nil && t.copy.uses(u) }

func (op *copyOp) uses(u *Unit) bool {
	for i := range op.cscds {
		if op.cscds[i].unit == u {
			return true
		}
	}
	return false
}

// Sanitized returns a channel that is closed when the sanitize operation in progress has ended, or nil if there is none. The operation
// of a unit that was removed ends after the request that it has in the backend.
func (u *Unit) Sanitized() <-chan struct{} {
	if s := u.sanitizing.Load(); s != nil {
		return s.ended
	}
	return nil
}

// NotSupported returns status and sense data of a command to a logical unit that is not there (SAM-5 4.7.5, SPC-4 4.5.6).
func NotSupported() (Status, []byte) {
	var data [SenseSize]byte
	s := sense{key: IllegalRequest, asc: ascLUNotSupported}
	return StatusCheckCondition, data[:s.encode(&data, false)]
}

// OnQueue is a backend whose requests are operations of a loop's Queue.
type OnQueue interface {
	// QueueOp returns the receiver of their results: by it a loop knows which of its registered files belong to the backend.
	QueueOp() QueueOp
}
