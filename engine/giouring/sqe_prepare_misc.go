package giouring

import (
	"syscall"
	"unsafe"
)

// PrepareNop completes with 0.
func (entry *SubmissionQueueEntry) PrepareNop() {
	*entry = SubmissionQueueEntry{OpCode: OpNop, Fd: -1}
}

// PrepareTimeout completes with -ETIME after spec, or with 0 once count other completions were made (0: time alone).
// spec must stay until the entry was submitted.
func (entry *SubmissionQueueEntry) PrepareTimeout(spec *syscall.Timespec, count, flags uint32) {
	*entry = SubmissionQueueEntry{
		OpCode: OpTimeout, Fd: -1, Addr: uint64(uintptr(unsafe.Pointer(spec))), Len: 1, Off: uint64(count),
		OpcodeFlags: flags,
	}
}

// PrepareLinkTimeout bounds the entry before it, which carries SqeIOLink.
func (entry *SubmissionQueueEntry) PrepareLinkTimeout(spec *syscall.Timespec, flags uint32) {
	entry.PrepareTimeout(spec, 0, flags)
	entry.OpCode = OpLinkTimeout
}

// PrepareTimeoutRemove cancels the timeout with that user data. The result is 0 or -ENOENT; the timeout itself
// completes with -ECANCELED.
func (entry *SubmissionQueueEntry) PrepareTimeoutRemove(userData uint64, flags uint32) {
	*entry = SubmissionQueueEntry{OpCode: OpTimeoutRemove, Fd: -1, Addr: userData, OpcodeFlags: flags}
}

// PrepareTimeoutUpdate gives the timeout with that user data a new spec.
func (entry *SubmissionQueueEntry) PrepareTimeoutUpdate(spec *syscall.Timespec, userData uint64, flags uint32) {
	*entry = SubmissionQueueEntry{
		OpCode: OpTimeoutRemove, Fd: -1, Addr: userData, Off: uint64(uintptr(unsafe.Pointer(spec))),
		OpcodeFlags: flags | TimeoutUpdate,
	}
}

// PreparePollAdd completes once with the ready events of pollMask.
func (entry *SubmissionQueueEntry) PreparePollAdd(fd int, pollMask uint32) {
	*entry = SubmissionQueueEntry{OpCode: OpPollAdd, Fd: int32(fd), OpcodeFlags: pollMask}
}

// PreparePollMultishot completes at each wake-up of fd for pollMask, while CQEFMore is set.
func (entry *SubmissionQueueEntry) PreparePollMultishot(fd int, pollMask uint32) {
	entry.PreparePollAdd(fd, pollMask)
	entry.Len = PollAddMulti
}

// PreparePollRemove ends the poll with that user data.
func (entry *SubmissionQueueEntry) PreparePollRemove(userData uint64) {
	*entry = SubmissionQueueEntry{OpCode: OpPollRemove, Fd: -1, Addr: userData}
}

// PreparePollUpdate changes the poll with oldUserData; flags are PollUpdate flags and PollAddMulti.
func (entry *SubmissionQueueEntry) PreparePollUpdate(oldUserData, newUserData uint64, pollMask, flags uint32) {
	*entry = SubmissionQueueEntry{
		OpCode: OpPollRemove, Fd: -1, Addr: oldUserData, Off: newUserData, Len: flags, OpcodeFlags: pollMask,
	}
}

// PrepareCancel64 cancels the request with that user data, or as flags say. The result is 0 or the number cancelled
// (AsyncCancelAll, AsyncCancelAny), -ENOENT if there is none, -EALREADY if it could not be stopped any more.
func (entry *SubmissionQueueEntry) PrepareCancel64(userData uint64, flags int) {
	*entry = SubmissionQueueEntry{OpCode: OpAsyncCancel, Fd: -1, Addr: userData, OpcodeFlags: uint32(flags)}
}

// PrepareCancel is PrepareCancel64 for user data set by SetData.
func (entry *SubmissionQueueEntry) PrepareCancel(userData uintptr, flags int) {
	entry.PrepareCancel64(uint64(userData), flags)
}

// PrepareCancelFd cancels a request on fd, or all with AsyncCancelAll; AsyncCancelFdFixed makes fd a registered one.
func (entry *SubmissionQueueEntry) PrepareCancelFd(fd int, flags uint32) {
	*entry = SubmissionQueueEntry{OpCode: OpAsyncCancel, Fd: int32(fd), OpcodeFlags: flags | AsyncCancelFd}
}

// PrepareMsgRing posts a completion on the ring with descriptor fd: its user data is data and its result length.
func (entry *SubmissionQueueEntry) PrepareMsgRing(fd int, length uint32, data uint64, flags uint32) {
	*entry = SubmissionQueueEntry{
		OpCode: OpMsgRing, Fd: int32(fd), Addr: uint64(MsgData), Len: length, Off: data, OpcodeFlags: flags,
	}
}

// PrepareMsgRingCqeFlags is PrepareMsgRing that also sets the completion's flags (6.3).
func (entry *SubmissionQueueEntry) PrepareMsgRingCqeFlags(fd int, length uint32, data uint64, flags, cqeFlags uint32) {
	entry.PrepareMsgRing(fd, length, data, flags|MsgRingFlagsPass)
	entry.SpliceFdIn = int32(cqeFlags)
}

// PrepareMsgRingFd puts this ring's registered file sourceFd into slot targetFd of the ring with descriptor fd, which
// gets a completion with data unless MsgRingCQESkip is set.
func (entry *SubmissionQueueEntry) PrepareMsgRingFd(fd int, sourceFd int, targetFd int, data uint64, flags uint32) {
	*entry = SubmissionQueueEntry{
		OpCode: OpMsgRing, Fd: int32(fd), Addr: uint64(MsgSendFd), Addr3: uint64(sourceFd), Off: data,
		OpcodeFlags: flags,
	}
	entry.setTargetFixedFile(uint32(targetFd))
}

// PrepareMsgRingFdAlloc is PrepareMsgRingFd into a free slot, whose number is the completion's result.
func (entry *SubmissionQueueEntry) PrepareMsgRingFdAlloc(fd int, sourceFd int, data uint64, flags uint32) {
	entry.PrepareMsgRingFd(fd, sourceFd, -1, data, flags)
}

// PrepareProvideBuffers gives nr buffers of length bytes each, in a row from addr, to group bgid with ids from bid on:
// the way before buffer rings.
func (entry *SubmissionQueueEntry) PrepareProvideBuffers(addr uintptr, length, nr, bgid, bid int) {
	*entry = SubmissionQueueEntry{
		OpCode: OpProvideBuffers, Fd: int32(nr), Addr: uint64(addr), Len: uint32(length), Off: uint64(bid),
		BufIG: uint16(bgid),
	}
}

// PrepareRemoveBuffers takes nr buffers of group bgid back.
func (entry *SubmissionQueueEntry) PrepareRemoveBuffers(nr int, bgid int) {
	*entry = SubmissionQueueEntry{OpCode: OpRemoveBuffers, Fd: int32(nr), BufIG: uint16(bgid)}
}
