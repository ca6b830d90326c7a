package giouring

import (
	"syscall"
	"unsafe"
)

// Every Prepare method overwrites the whole entry: a slot of the ring still holds what its last use left there, and the kernel
// would reject stale flags, or obey them.

// PrepareMultishotAccept is accept4(2) that repeats; each completion with CQEFMore promises another.
func (entry *SubmissionQueueEntry) PrepareMultishotAccept(fd int, addr uintptr, addrLen uint64, flags int) {
	*entry = SubmissionQueueEntry{
		OpCode: OpAccept, IoPrio: AcceptMultishot, Fd: int32(fd), Addr: uint64(addr), Off: addrLen,
		OpcodeFlags: uint32(flags),
	}
}

// PrepareRecv is recv(2). A buffer-select receive sets SqeBufferSelect in Flags and the group in BufIG; its length
// then only caps what is received (0: the buffer's size).
func (entry *SubmissionQueueEntry) PrepareRecv(fd int, buf uintptr, length uint32, flags int) {
	*entry = SubmissionQueueEntry{
		OpCode: OpRecv, Fd: int32(fd), Addr: uint64(buf), Len: length, OpcodeFlags: uint32(flags),
	}
}

// PrepareRecvMultishot receives again and again into provided buffers: set SqeBufferSelect and BufIG. addr and length
// are 0. It ends, with a completion without CQEFMore, at an error, at the end of the stream, or for want of buffers.
func (entry *SubmissionQueueEntry) PrepareRecvMultishot(fd int, addr uintptr, length uint32, flags int) {
	entry.PrepareRecv(fd, addr, length, flags)
	entry.IoPrio = RecvMultishot
}

// PrepareSendMsg is sendmsg(2). The header and its iovecs must stay until the entry was submitted, the data until the
// completion.
func (entry *SubmissionQueueEntry) PrepareSendMsg(fd int, msg *syscall.Msghdr, flags uint32) {
	*entry = SubmissionQueueEntry{
		OpCode: OpSendmsg, Fd: int32(fd), Addr: uint64(uintptr(unsafe.Pointer(msg))), Len: 1, OpcodeFlags: flags,
	}
}

// PrepareSendMsgZC is sendmsg(2) without a copy of the data. If its completion has CQEFMore, a second one follows, with CQEFNotif:
// until then the data must stay unchanged. flags are RecvsendFixedBuf and SendZCReportUsage in IoPrio; with the former, set BufIG.
func (entry *SubmissionQueueEntry) PrepareSendMsgZC(fd int, msg *syscall.Msghdr, msgFlags uint32, flags uint16) {
	entry.PrepareSendMsg(fd, msg, msgFlags)
	entry.OpCode = OpSendMsgZC
	entry.IoPrio = flags
}

// PrepareShutdown is shutdown(2).
func (entry *SubmissionQueueEntry) PrepareShutdown(fd, how int) {
	*entry = SubmissionQueueEntry{OpCode: OpShutdown, Fd: int32(fd), Len: uint32(how)}
}
