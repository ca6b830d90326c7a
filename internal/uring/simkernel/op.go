package simkernel

import (
	"slices"
	"syscall"

	"github.com/ringtgt/ringtgt/engine/giouring"
)

// op is an operation that was submitted.
type op struct {
	r    *Ring
	sqe  giouring.SubmissionQueueEntry
	fd   int // for a registered file, the descriptor behind it
	file any // resolved at submission: closing the descriptor does not end the operation

	done    int      // bytes transferred so far
	iov     [][]byte // sendmsg: what remains to be sent
	readyAt int64    // disk operation: earliest time of its next step, ns
	res     int32    // disk operation: its result, once it took effect
	acted   bool     // disk operation: it took effect
	lent    []lent   // zero-copy send: what the network reads
	notice  *notice  // not nil: this is the notification of a zero-copy send
}

// group is a ring of provided buffers.
type group struct {
	ring    *giouring.BufAndRing
	entries uint32
	head    uint16
}

// take starts an operation. Unless the odds delay it, it is tried at once.
func (k *Kernel) take(r *Ring, sqe giouring.SubmissionQueueEntry) {
	o := &op{r: r, sqe: sqe, fd: int(sqe.Fd)}
	if sqe.Flags&giouring.SqeFixedFile != 0 {
		o.fd = r.slots[sqe.Fd]
	}
	o.file = k.files[o.fd]
	switch sqe.OpCode {
	case giouring.OpNop:
		r.complete(sqe.UserData, 0, 0)
		return
	case giouring.OpMsgRing:
		to, _ := k.files[o.fd].(*Ring)
		switch {
		case to == nil:
			r.complete(sqe.UserData, -int32(syscall.EBADF), 0)
		default:
			to.complete(sqe.Off, int32(sqe.Len), 0)
		}
		return
	case giouring.OpSendmsg, giouring.OpSendMsgZC:
		o.gather()
		o.checkSlab()
		total := 0
		for _, b := range o.iov {
			total += len(b)
		}
		if s, ok := o.file.(*Socket); ok && k.cfg.Sending != nil && s.rest != total {
			k.cfg.Sending(s, o.iov) // a new message, not the rest of a short send
		}
	case giouring.OpRead, giouring.OpWrite, giouring.OpReadFixed, giouring.OpWriteFixed, giouring.OpFsync, giouring.OpFallocate, giouring.OpUringCmd:
		if o.file == nil {
			o.file = k.real(o.fd)
		}
		o.readyAt = k.cfg.Now()
		if k.chance(k.cfg.Odds.DiskSlow) {
			o.readyAt += 1 + k.cfg.Rand.Int64N(max(k.cfg.Odds.DiskDelay, 1))
		}
	}
	r.ops = append(r.ops, o)
	if o.file == nil {
		o.end(-int32(syscall.EBADF), 0)
		return
	}
	if !k.chance(k.cfg.Odds.Late) && o.enabled() {
		o.do()
	}
}

// gather collects the parts of a message. Their bytes are read when they are sent.
func (o *op) gather() {
	m := (*syscall.Msghdr)(pointer(o.sqe.Addr))
	iov := make([]syscall.Iovec, m.Iovlen)
	for i := range iov {
		iov[i] = *(*syscall.Iovec)(pointer(uint64(addr(m.Iov)) + uint64(i)*16))
		o.iov = append(o.iov, memory(uint64(addr(iov[i].Base)), int(iov[i].Len)))
	}
}

// end posts a completion. With IORING_CQE_F_MORE in flags the operation stays active.
func (o *op) end(res int32, flags uint32) {
	if o.notice != nil {
		o.notify()
		return
	}
	if s, ok := o.file.(*Socket); ok && o.sends() {
		s.rest = 0
		for _, b := range o.iov {
			s.rest += len(b)
		}
		if o.sqe.OpCode == giouring.OpSendMsgZC {
			o.endZeroCopy(res)
			return
		}
	}
	o.r.complete(o.sqe.UserData, res, flags)
	if flags&giouring.CQEFMore == 0 {
		o.leave()
	}
}

func (o *op) leave() {
	o.r.ops = slices.DeleteFunc(o.r.ops, func(p *op) bool { return p == o })
}

// cancel ends an operation, with the count of bytes it has transferred or else ECANCELED.
func (r *Ring) cancel(o *op) {
	res := -int32(syscall.ECANCELED)
	if o.done > 0 {
		res = int32(o.done)
	}
	o.end(res, 0)
}

// enabled reports whether the operation can make progress.
func (o *op) enabled() bool {
	switch f := o.file.(type) {
	case *listener:
		return len(f.waiting) > 0 || f.shut
	case *eventfd:
		return f.signals > 0
	case *File:
		return !o.r.k.hold && o.readyAt <= o.r.k.cfg.Now()
	case *Socket:
		switch {
		case o.notice != nil:
			return o.notifiable(f)
		case o.sends():
			return f.writable()
		}
		return f.readable()
	}
	return false
}

// do makes the operation progress by one step.
func (o *op) do() {
	switch f := o.file.(type) {
	case *listener:
		o.accept(f)
	case *eventfd:
		f.signals = 0
		o.end(1, giouring.CQEFMore) // POLLIN
	case *File:
		o.disk(f)
	case *Socket:
		switch {
		case o.notice != nil:
			o.notify()
		case o.sends():
			o.send(f)
		default:
			o.recv(f)
		}
	}
}

// Step makes one operation progress, chosen at random. It reports whether there was one.
func (k *Kernel) Step() bool {
	var can []*op
	for _, r := range k.rings {
		for _, o := range r.ops {
			if o.enabled() {
				can = append(can, o)
			}
		}
	}
	if len(can) == 0 {
		return false
	}
	can[k.intN(len(can))].do()
	return true
}

// Deadline returns the time at which the next operation becomes ready that waits for time: one of a disk, or a notification after
// the target closed the socket. 0: none is pending.
func (k *Kernel) Deadline() (at int64) {
	for _, r := range k.rings {
		for _, o := range r.ops {
			due := int64(0)
			switch f := o.file.(type) {
			case *File:
				if !k.hold {
					due = o.readyAt
				}
			case *Socket:
				if o.notice != nil {
					due = f.dropAt()
				}
			}
			if due != 0 && (at == 0 || due < at) {
				at = due
			}
		}
	}
	return at
}

// Busy reports whether operations on a descriptor are in progress.
func (k *Kernel) Busy(fd int) bool {
	for _, r := range k.rings {
		for _, o := range r.ops {
			if o.fd == fd && o.file == k.files[fd] {
				return true
			}
		}
	}
	return false
}

// interrupted ends the operation with EINTR or EAGAIN, as the odds have it.
func (o *op) interrupted() bool {
	k := o.r.k
	if o.done > 0 || !k.chance(k.cfg.Odds.Interrupt) {
		return false
	}
	k.Stats["interrupted"]++
	o.end([]int32{-int32(syscall.EINTR), -int32(syscall.EAGAIN)}[k.intN(2)], 0)
	return true
}
