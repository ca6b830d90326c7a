package simkernel

import (
	"slices"
	"syscall"

	"github.com/pawelgaczynski/giouring"
)

// op is a submission entry that the kernel has taken.
type op struct {
	r    *Ring
	sqe  giouring.SubmissionQueueEntry
	fd   int // a descriptor, also of a registered file
	file any // what it was when the entry was taken: closing it does not end the operation

	done    int      // bytes of a transfer
	iov     [][]byte // of a sendmsg
	readyAt int64    // of a disk operation
	res     int32    // of a disk operation that took effect
	acted   bool
}

// group is a ring of provided buffers.
type group struct {
	ring    *giouring.BufAndRing
	entries uint32
	head    uint16
}

// take begins an operation, and mostly tries it at once.
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
	case giouring.OpSendmsg:
		o.gather()
		total := 0
		for _, b := range o.iov {
			total += len(b)
		}
		if s, ok := o.file.(*Socket); ok && k.cfg.Sending != nil && s.rest != total {
			k.cfg.Sending(s, o.iov) // not the rest of one that was sent in part
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

// gather makes the parts of a message, which are read when they are sent.
func (o *op) gather() {
	m := (*syscall.Msghdr)(pointer(o.sqe.Addr))
	iov := make([]syscall.Iovec, m.Iovlen)
	for i := range iov {
		iov[i] = *(*syscall.Iovec)(pointer(uint64(addr(m.Iov)) + uint64(i)*16))
		o.iov = append(o.iov, memory(uint64(addr(iov[i].Base)), int(iov[i].Len)))
	}
}

// end completes the operation; more says that it goes on.
func (o *op) end(res int32, flags uint32) {
	if s, ok := o.file.(*Socket); ok && o.sqe.OpCode == giouring.OpSendmsg {
		s.rest = 0
		for _, b := range o.iov {
			s.rest += len(b)
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

// cancel ends an operation that may be in the middle of something.
func (r *Ring) cancel(o *op) {
	res := -int32(syscall.ECANCELED)
	if o.done > 0 {
		res = int32(o.done)
	}
	o.end(res, 0)
}

// enabled says that something can be done for the operation.
func (o *op) enabled() bool {
	switch f := o.file.(type) {
	case *listener:
		return len(f.waiting) > 0 || f.shut
	case *eventfd:
		return f.signals > 0
	case *File:
		return !o.r.k.hold && o.readyAt <= o.r.k.cfg.Now()
	case *Socket:
		if o.sqe.OpCode == giouring.OpSendmsg {
			return f.writable()
		}
		return f.readable()
	}
	return false
}

// do does what can be done, or a part of it.
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
		if o.sqe.OpCode == giouring.OpSendmsg {
			o.send(f)
		} else {
			o.recv(f)
		}
	}
}

// Step does one thing that can be done, and reports whether there was one.
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

// Deadline is when an operation with a disk is ready that is not yet, 0 when there is none.
func (k *Kernel) Deadline() (at int64) {
	for _, r := range k.rings {
		for _, o := range r.ops {
			if _, ok := o.file.(*File); ok && !k.hold && (at == 0 || o.readyAt < at) {
				at = o.readyAt
			}
		}
	}
	return at
}

// Busy says that a descriptor has operations with the kernel.
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

// interrupted ends the operation with EINTR or EAGAIN, now and then.
func (o *op) interrupted() bool {
	k := o.r.k
	if o.done > 0 || !k.chance(k.cfg.Odds.Interrupt) {
		return false
	}
	k.Stats["interrupted"]++
	o.end([]int32{-int32(syscall.EINTR), -int32(syscall.EAGAIN)}[k.intN(2)], 0)
	return true
}
