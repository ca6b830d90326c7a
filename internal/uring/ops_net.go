package uring

import (
	"syscall"

	"github.com/ringtgt/ringtgt/engine/giouring"
)

// FD names a file to an operation: a descriptor, or a registered slot (see Slot).
type FD int32

// slotBit marks a registered slot. Descriptors stay below it: RLIMIT_NOFILE is at most 2^30 and slots at most MaxFiles.
const slotBit FD = 1 << 30

// Slot names registered file slot i.
func Slot(i int) FD { return FD(i) | slotBit }

func (fd FD) num() int { return int(fd &^ slotBit) }

// flags is SqeFixedFile, which is 1, for a slot.
func (fd FD) flags() uint8 { return uint8(fd>>30) & giouring.SqeFixedFile }

// Msghdr and Iovec are the kernel's struct msghdr and iovec. Place them with Alloc, not on the Go heap.
type (
	Msghdr = syscall.Msghdr
	Iovec  = syscall.Iovec
)

// Flags for SendMsg.
const (
	MsgWaitAll  uint32 = syscall.MSG_WAITALL // continue after a short send until everything is sent or it fails
	MsgNoSignal uint32 = syscall.MSG_NOSIGNAL
)

// Accept accepts connections until a completion without More: Res is the new descriptor, close-on-exec.
func (r *Ring) Accept(fd FD, ud uint64) {
	e := r.sqe()
	e.PrepareMultishotAccept(fd.num(), 0, 0, syscall.SOCK_CLOEXEC)
	e.Flags = fd.flags()
	e.UserData = ud
}

// RecvBuf receives once into a buffer of the group: Res bytes in buffer BufferID. -ENOBUFS: the group is empty, and
// nothing was received.
func (r *Ring) RecvBuf(fd FD, group uint16, ud uint64) {
	e := r.sqe()
	e.PrepareRecv(fd.num(), 0, 0, 0)
	e.Flags = fd.flags() | giouring.SqeBufferSelect
	e.BufIG = group
	e.UserData = ud
}

// RecvMultishot receives into buffers of the group, one completion each, until one without More: the end of the stream
// (Res 0), an error, -ENOBUFS when the group is empty, or a full completion queue. Then it must be armed again.
func (r *Ring) RecvMultishot(fd FD, group uint16, ud uint64) {
	e := r.sqe()
	e.PrepareRecvMultishot(fd.num(), 0, 0, 0)
	e.Flags = fd.flags() | giouring.SqeBufferSelect
	e.BufIG = group
	e.UserData = ud
}

// RecvInto receives into p. With waitAll it completes when p is full, the stream ended, or an error came; else with
// the first bytes.
func (r *Ring) RecvInto(fd FD, p []byte, waitAll bool, ud uint64) {
	e := r.sqe()
	flags := 0
	if waitAll {
		flags = syscall.MSG_WAITALL
	}
	e.PrepareRecv(fd.num(), address(p), length(p), flags)
	e.Flags = fd.flags()
	e.UserData = ud
}

// SendMsg sends the data that msg refers to. Without MsgWaitAll, or when an error ends it, Res may be less than all. Only one
// send may be in flight on a stream socket: two may mix.
func (r *Ring) SendMsg(fd FD, msg *Msghdr, flags uint32, ud uint64) {
	e := r.sqe()
	e.PrepareSendMsg(fd.num(), msg, flags)
	e.Flags = fd.flags()
	e.UserData = ud
}

// SendMsgZC sends the data that msg refers to without copying it, where the network interface allows that. Its completion is that of
// SendMsg; if it has More, which it may even when the send failed, a second one with the same user data follows: see Notification.
// Until then the data must not change. If slab is not negative, all pieces lie in that slab (see SetSlab).
func (r *Ring) SendMsgZC(fd FD, msg *Msghdr, flags uint32, slab int, ud uint64) {
	e := r.sqe()
	how := giouring.SendZCReportUsage
	if slab >= 0 {
		how |= giouring.RecvsendFixedBuf
	}
	e.PrepareSendMsgZC(fd.num(), msg, flags, how)
	if slab >= 0 {
		e.BufIG = uint16(slab)
	}
	e.Flags = fd.flags()
	e.UserData = ud
}

// Shutdown is shutdown(2).
func (r *Ring) Shutdown(fd FD, how int, ud uint64) {
	e := r.sqe()
	e.PrepareShutdown(fd.num(), how)
	e.Flags = fd.flags()
	e.UserData = ud
}
