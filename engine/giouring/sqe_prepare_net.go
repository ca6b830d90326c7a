package giouring

import (
	"syscall"
	"unsafe"
)

// Every Prepare method overwrites the whole entry first: a slot of the ring still holds what its last use left there,
// and the kernel refuses, or obeys, flags that nobody meant.

// PrepareAccept is accept4(2).
func (entry *SubmissionQueueEntry) PrepareAccept(fd int, addr uintptr, addrLen uint64, flags uint32) {
	*entry = SubmissionQueueEntry{OpCode: OpAccept, Fd: int32(fd), Addr: uint64(addr), Off: addrLen, OpcodeFlags: flags}
}

// PrepareAcceptDirect accepts into registered file slot fileIndex, or a free one with FileIndexAlloc.
func (entry *SubmissionQueueEntry) PrepareAcceptDirect(fd int, addr uintptr, addrLen uint64, flags uint32, fileIndex uint32) {
	entry.PrepareAccept(fd, addr, addrLen, flags)
	entry.setTargetFixedFile(fileIndex)
}

// PrepareMultishotAccept accepts again and again; each completion with CQEFMore promises another.
func (entry *SubmissionQueueEntry) PrepareMultishotAccept(fd int, addr uintptr, addrLen uint64, flags int) {
	entry.PrepareAccept(fd, addr, addrLen, uint32(flags))
	entry.IoPrio = AcceptMultishot
}

// PrepareMultishotAcceptDirect is PrepareMultishotAccept into free registered file slots.
func (entry *SubmissionQueueEntry) PrepareMultishotAcceptDirect(fd int, addr uintptr, addrLen uint64, flags int) {
	entry.PrepareMultishotAccept(fd, addr, addrLen, flags)
	entry.setTargetFixedFile(FileIndexAlloc)
}

// setTargetFixedFile sets file_index, which counts from 1; 0 means no slot.
func (entry *SubmissionQueueEntry) setTargetFixedFile(fileIndex uint32) {
	if fileIndex == FileIndexAlloc {
		entry.SpliceFdIn = -1
		return
	}
	entry.SpliceFdIn = int32(fileIndex + 1)
}

// PrepareConnect is connect(2) with a raw socket address.
func (entry *SubmissionQueueEntry) PrepareConnect(fd int, addr unsafe.Pointer, addrLen uint64) {
	*entry = SubmissionQueueEntry{OpCode: OpConnect, Fd: int32(fd), Addr: uint64(uintptr(addr)), Off: addrLen}
}

// PrepareSocket is socket(2).
func (entry *SubmissionQueueEntry) PrepareSocket(domain, socketType, protocol int, flags uint32) {
	*entry = SubmissionQueueEntry{
		OpCode: OpSocket, Fd: int32(domain), Off: uint64(socketType), Len: uint32(protocol), OpcodeFlags: flags,
	}
}

// PrepareSocketDirect is PrepareSocket into registered file slot fileIndex.
func (entry *SubmissionQueueEntry) PrepareSocketDirect(domain, socketType, protocol int, fileIndex, flags uint32) {
	entry.PrepareSocket(domain, socketType, protocol, flags)
	entry.setTargetFixedFile(fileIndex)
}

// PrepareSocketDirectAlloc is PrepareSocket into a free registered file slot.
func (entry *SubmissionQueueEntry) PrepareSocketDirectAlloc(domain, socketType, protocol int, flags uint32) {
	entry.PrepareSocketDirect(domain, socketType, protocol, FileIndexAlloc, flags)
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

// PrepareRecvMsg is recvmsg(2).
func (entry *SubmissionQueueEntry) PrepareRecvMsg(fd int, msg *syscall.Msghdr, flags uint32) {
	*entry = SubmissionQueueEntry{
		OpCode: OpRecvmsg, Fd: int32(fd), Addr: uint64(uintptr(unsafe.Pointer(msg))), Len: 1, OpcodeFlags: flags,
	}
}

// PrepareRecvMsgMultishot is the multishot PrepareRecvMsg.
func (entry *SubmissionQueueEntry) PrepareRecvMsgMultishot(fd int, msg *syscall.Msghdr, flags uint32) {
	entry.PrepareRecvMsg(fd, msg, flags)
	entry.IoPrio = RecvMultishot
}

// PrepareSend is send(2).
func (entry *SubmissionQueueEntry) PrepareSend(fd int, addr uintptr, length uint32, flags int) {
	*entry = SubmissionQueueEntry{
		OpCode: OpSend, Fd: int32(fd), Addr: uint64(addr), Len: length, OpcodeFlags: uint32(flags),
	}
}

// PrepareSendBundle sends as many buffers of group bgid as there are, in order (FeatRecvsendBundle, 6.10). length
// caps the bytes, 0 does not.
func (entry *SubmissionQueueEntry) PrepareSendBundle(fd int, length uint32, flags int, bgid uint16) {
	*entry = SubmissionQueueEntry{
		OpCode: OpSend, Flags: SqeBufferSelect, IoPrio: RecvsendBundle, Fd: int32(fd), Len: length,
		OpcodeFlags: uint32(flags), BufIG: bgid,
	}
}

// PrepareSendVectorized sends nrVecs iovecs without a message header (6.17; EINVAL before).
func (entry *SubmissionQueueEntry) PrepareSendVectorized(fd int, iovecs uintptr, nrVecs uint32, flags int) {
	entry.PrepareSend(fd, iovecs, nrVecs, flags)
	entry.IoPrio = SendVectorized
}

// PrepareSendSetAddr makes a prepared send or zero-copy send a sendto(2) to a raw socket address.
func (entry *SubmissionQueueEntry) PrepareSendSetAddr(destAddr unsafe.Pointer, addrLen uint16) {
	entry.Off = uint64(uintptr(destAddr))
	entry.SpliceFdIn = int32(addrLen)
}

// PrepareSendMsg is sendmsg(2). The header and its iovecs must stay until the entry was submitted, the data until the
// completion.
func (entry *SubmissionQueueEntry) PrepareSendMsg(fd int, msg *syscall.Msghdr, flags uint32) {
	*entry = SubmissionQueueEntry{
		OpCode: OpSendmsg, Fd: int32(fd), Addr: uint64(uintptr(unsafe.Pointer(msg))), Len: 1, OpcodeFlags: flags,
	}
}

// PrepareSendZC is a zero-copy send(2) of buf. Two completions come: the result, with CQEFMore if the second follows,
// and the notification (CQEFNotif), until which buf belongs to the kernel. zcFlags are Recvsend and SendZC flags.
func (entry *SubmissionQueueEntry) PrepareSendZC(sockFd int, buf []byte, flags int, zcFlags uint32) {
	*entry = SubmissionQueueEntry{
		OpCode: OpSendZC, IoPrio: uint16(zcFlags), Fd: int32(sockFd), Addr: uint64(addressOf(buf)),
		Len: uint32(len(buf)), OpcodeFlags: uint32(flags),
	}
}

// PrepareSendZCFixed is PrepareSendZC out of registered buffer bufIndex.
func (entry *SubmissionQueueEntry) PrepareSendZCFixed(sockFd int, buf []byte, flags int, zcFlags, bufIndex uint32) {
	entry.PrepareSendZC(sockFd, buf, flags, zcFlags|uint32(RecvsendFixedBuf))
	entry.BufIG = uint16(bufIndex)
}

// PrepareSendmsgZC is a zero-copy sendmsg(2) (6.1), with completions as for PrepareSendZC.
func (entry *SubmissionQueueEntry) PrepareSendmsgZC(fd int, msg *syscall.Msghdr, flags uint32) {
	entry.PrepareSendMsg(fd, msg, flags)
	entry.OpCode = OpSendMsgZC
}

// PrepareShutdown is shutdown(2).
func (entry *SubmissionQueueEntry) PrepareShutdown(fd, how int) {
	*entry = SubmissionQueueEntry{OpCode: OpShutdown, Fd: int32(fd), Len: uint32(how)}
}

// addressOf is the address of a slice's first byte, 0 for a nil slice.
func addressOf(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }
