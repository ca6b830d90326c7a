package simkernel

import (
	"bytes"
	"syscall"

	"github.com/ringtgt/ringtgt/engine/giouring"
)

// A zero-copy send completes twice. The second completion, the notification, comes in any order with those of other sends: when the
// peer has read the data, or at once where the kernel copied, or when the connection is reset, whether the data arrived or not. The
// network interface reads the memory until then, so the simulation compares it with what was sent.

// notice is a notification to come.
type notice struct {
	end    uint64 // how much the peer has read of the connection when it has read this send
	parts  []lent
	copied bool
}

// lent is memory that the network reads.
type lent struct{ mem, sent []byte }

// sends reports whether the operation is a send.
func (o *op) sends() bool {
	return o.notice == nil && (o.sqe.OpCode == giouring.OpSendmsg || o.sqe.OpCode == giouring.OpSendMsgZC)
}

// lend notes memory that a zero-copy send refers to.
func (o *op) lend(b []byte) {
	if o.sqe.OpCode == giouring.OpSendMsgZC {
		o.lent = append(o.lent, lent{b, bytes.Clone(b)})
	}
}

// checkSlab wants every piece of a message in the registered buffer that the entry names.
func (o *op) checkSlab() {
	if o.sqe.OpCode != giouring.OpSendMsgZC || o.sqe.IoPrio&giouring.RecvsendFixedBuf == 0 {
		return
	}
	slab := o.r.slabs[o.sqe.BufIG]
	for _, b := range o.iov {
		if addr(&b[0]) < slab.start || addr(&b[0])+uintptr(len(b)) > slab.end {
			o.r.k.cfg.Failf("a fixed send refers to memory outside buffer %d", o.sqe.BufIG)
		}
	}
	o.r.k.Stats["fixed zero-copy send"]++
}

// slab is a registered buffer.
type slab struct{ start, end uintptr }

// refused ends a zero-copy send of which nothing was sent, as the odds have it.
func (o *op) refused() bool {
	k := o.r.k
	if o.sqe.OpCode != giouring.OpSendMsgZC || o.done > 0 || !k.chance(k.cfg.Odds.Refused) {
		return false
	}
	k.Stats["zero-copy refused"]++
	o.end(-int32([]syscall.Errno{syscall.ENOMEM, syscall.ENOBUFS, syscall.EINVAL}[k.intN(3)]), 0)
	return true
}

// endZeroCopy posts the first completion of a zero-copy send. A notification follows if anything was sent, and may after an error.
func (o *op) endZeroCopy(res int32) {
	k, s := o.r.k, o.file.(*Socket)
	if res <= 0 && k.intN(2) == 0 {
		o.r.complete(o.sqe.UserData, res, 0)
		o.leave()
		return
	}
	o.r.complete(o.sqe.UserData, res, giouring.CQEFMore)
	o.leave()
	n := &op{r: o.r, sqe: o.sqe, fd: -1, file: s, notice: &notice{end: s.sent, parts: o.lent, copied: res <= 0 || k.chance(k.cfg.Odds.Copied)}}
	o.r.ops = append(o.r.ops, n)
	k.Stats["zero-copy send"]++
}

// notifiable reports whether nothing reads the memory any more.
func (o *op) notifiable(s *Socket) bool {
	return o.notice.copied || s.reset || s.acked >= o.notice.end || s.gaveUp()
}

// gaveUp reports whether the kernel has dropped what it could not deliver after the target closed the socket.
func (s *Socket) gaveUp() bool { at := s.dropAt(); return at != 0 && s.k.cfg.Now() >= at }

// dropAt is when that happens; 0: never. Without TCP_USER_TIMEOUT it takes minutes, which here is for ever.
func (s *Socket) dropAt() int64 {
	if !s.closed || s.userTimeout == 0 {
		return 0
	}
	return s.closedAt + s.userTimeout
}

// notify posts the notification, after the last look at the memory.
func (o *op) notify() {
	k := o.r.k
	for _, p := range o.notice.parts {
		if !bytes.Equal(p.mem, p.sent) {
			k.cfg.Failf("memory of a zero-copy send has changed before its notification")
		}
	}
	res := uint32(0)
	if o.notice.copied {
		res = giouring.NotifUsageZCCopied
		k.Stats["zero-copy copied"]++
	}
	o.r.complete(o.sqe.UserData, int32(res), giouring.CQEFNotif)
	o.leave()
}
