package giouring

// PreparePollAdd completes once with the ready events of pollMask.
func (entry *SubmissionQueueEntry) PreparePollAdd(fd int, pollMask uint32) {
	*entry = SubmissionQueueEntry{OpCode: OpPollAdd, Fd: int32(fd), OpcodeFlags: pollMask}
}

// PreparePollMultishot completes at each wake-up of fd for pollMask, while CQEFMore is set.
func (entry *SubmissionQueueEntry) PreparePollMultishot(fd int, pollMask uint32) {
	entry.PreparePollAdd(fd, pollMask)
	entry.Len = PollAddMulti
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
