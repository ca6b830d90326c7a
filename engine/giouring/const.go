package giouring

// Flags of one submission entry (sqe->flags).
const (
	SqeFixedFile      uint8 = 1 << iota // Fd is an index into the registered files
	SqeIODrain                          // start after everything in flight
	SqeIOLink                           // the next entry starts when this one succeeded
	SqeIOHardlink                       // as SqeIOLink, but a failure does not break the chain
	SqeAsync                            // go straight to a worker
	SqeBufferSelect                     // take a provided buffer of group BufIG
	SqeCQESkipSuccess                   // no completion when it succeeds
)

// Flags of io_uring_setup(2).
const (
	SetupIOPoll           uint32 = 1 << iota
	SetupSQPoll                  // a kernel thread submits
	SetupSQAff                   // Params.SQThreadCPU is valid
	SetupCQSize                  // Params.CQEntries is valid
	SetupClamp                   // too many entries become the maximum
	SetupAttachWQ                // share the workers of the ring Params.WQFd
	SetupRDisabled               // start disabled, see EnableRings
	SetupSubmitAll               // 5.18: a bad entry does not stop the batch
	SetupCoopTaskrun             // 5.19
	SetupTaskrunFlag             // 5.19: SQTaskrun shows pending task work
	SetupSQE128                  // not supported by this package
	SetupCQE32                   // not supported by this package
	SetupSingleIssuer            // 6.0
	SetupDeferTaskrun            // 6.1: completions are made inside enter only
	SetupNoMmap                  // not supported by this package
	SetupRegisteredFdOnly        // not supported by this package
	SetupNoSQArray               // 6.6: no index array between tail and entries
	SetupHybridIOPoll            // 6.13
)

// Operations (sqe->opcode).
const (
	OpNop uint8 = iota
	OpReadv
	OpWritev
	OpFsync
	OpReadFixed
	OpWriteFixed
	OpPollAdd
	OpPollRemove
	OpSyncFileRange
	OpSendmsg
	OpRecvmsg
	OpTimeout
	OpTimeoutRemove
	OpAccept
	OpAsyncCancel
	OpLinkTimeout
	OpConnect
	OpFallocate
	OpOpenat
	OpClose
	OpFilesUpdate
	OpStatx
	OpRead
	OpWrite
	OpFadvise
	OpMadvise
	OpSend
	OpRecv
	OpOpenat2
	OpEpollCtl
	OpSplice
	OpProvideBuffers
	OpRemoveBuffers
	OpTee
	OpShutdown
	OpRenameat
	OpUnlinkat
	OpMkdirat
	OpSymlinkat
	OpLinkat
	OpMsgRing // 5.18
	OpFsetxattr
	OpSetxattr
	OpFgetxattr
	OpGetxattr
	OpSocket    // 5.19
	OpUringCmd  // 5.19
	OpSendZC    // 6.0
	OpSendMsgZC // 6.1
	OpReadMultishot
	OpWaitid
	OpFutexWait
	OpFutexWake
	OpFutexWaitv
	OpFixedFdInstall
	OpFtruncate
	OpBind
	OpListen
	OpRecvZC
	OpEpollWait
	OpReadvFixed  // 6.15
	OpWritevFixed // 6.15
	OpPipe        // 6.16

	OpLast
)

// FsyncDatasync makes OpFsync an fdatasync(2).
const FsyncDatasync uint32 = 1 << 0

// Flags of OpTimeout and OpTimeoutRemove.
const (
	TimeoutAbs uint32 = 1 << iota
	TimeoutUpdate
	TimeoutBoottime
	TimeoutRealtime
	LinkTimeoutUpdate
	TimeoutETimeSuccess
	TimeoutMultishot  // 6.4
	TimeoutClockMask  = TimeoutBoottime | TimeoutRealtime
	TimeoutUpdateMask = TimeoutUpdate | LinkTimeoutUpdate
)

// Flags of OpPollAdd and OpPollRemove, kept in sqe->len.
const (
	PollAddMulti uint32 = 1 << iota
	PollUpdateEvents
	PollUpdateUserData
	PollAddLevel
)

// Flags of OpAsyncCancel and of SyncCancelReg.
const (
	AsyncCancelAll      uint32 = 1 << iota // every match, not only the first
	AsyncCancelFd                          // match by descriptor
	AsyncCancelAny                         // match everything
	AsyncCancelFdFixed                     // the descriptor is a registered one
	AsyncCancelUserdata                    // 6.6
	AsyncCancelOp                          // 6.6: match by opcode
)

// Flags of send and receive operations, kept in sqe->ioprio.
const (
	RecvsendPollFirst uint16 = 1 << iota // wait for readiness first, do not try
	RecvMultishot                        // 6.0
	RecvsendFixedBuf                     // BufIG is a registered buffer
	SendZCReportUsage                    // 6.2: the notification says whether data was copied
	RecvsendBundle                       // 6.10: as many provided buffers as fit
	SendVectorized                       // 6.17: Addr and Len are iovecs
)

// NotifUsageZCCopied in the result of a notification: the data was copied after all.
const NotifUsageZCCopied uint32 = 1 << 31

// Flags of OpAccept, kept in sqe->ioprio.
const (
	AcceptMultishot uint16 = 1 << iota
	AcceptDontwait
	AcceptPollFirst
)

// Commands of OpMsgRing, kept in sqe->addr.
const (
	MsgData uint32 = iota
	MsgSendFd
)

// Flags of OpMsgRing.
const (
	MsgRingCQESkip   uint32 = 1 << iota // no completion on the target (MsgSendFd only)
	MsgRingFlagsPass                    // 6.3: sqe->file_index becomes the completion's flags
)

// FileIndexAlloc asks the kernel to choose a free registered file slot.
const FileIndexAlloc uint32 = 0xffffffff

// SpliceFFdInFixed says that splice's input is a registered file.
const SpliceFFdInFixed uint32 = 1 << 31

// UringCmdFixed makes OpUringCmd use registered buffer BufIG.
const UringCmdFixed uint32 = 1 << 0

// Commands of OpUringCmd on a socket.
const (
	SocketUringOpSiocinq uint32 = iota
	SocketUringOpSiocoutq
	SocketUringOpGetsockopt
	SocketUringOpSetsockopt
)

// BlockUringCmdDiscard, _IO(0x12, 0) of linux/blkdev.h, discards a range of a block device (6.12).
const BlockUringCmdDiscard uint32 = 0x1200

// Flags of a completion (cqe->flags).
const (
	CQEFBuffer       uint32 = 1 << iota // the upper 16 bits are a buffer id
	CQEFMore                            // more completions follow for this entry
	CQEFSockNonempty                    // the socket has more to read
	CQEFNotif                           // a zero-copy notification
	CQEFBufMore                         // 6.12: the buffer is not used up yet (PbufRingInc)
)

// CQEBufferShift is where the buffer id starts in cqe->flags.
const CQEBufferShift uint32 = 16

// Bits the kernel sets in the submission ring's flags.
const (
	SQNeedWakeup uint32 = 1 << iota
	SQCQOverflow
	SQTaskrun
)

// CQEventFdDisabled in the completion ring's flags silences the registered eventfd.
const CQEventFdDisabled uint32 = 1 << 0

// Flags of io_uring_enter(2).
const (
	EnterGetEvents uint32 = 1 << iota
	EnterSQWakeup
	EnterSQWait
	EnterExtArg         // 5.11: the argument is a GetEventsArg
	EnterRegisteredRing // 5.18: the descriptor is a registered index
	EnterAbsTimer       // 6.12
	EnterExtArgReg      // 6.13
	EnterNoIowait       // 6.15
)

// Features the kernel reports in Params.Features.
const (
	FeatSingleMMap uint32 = 1 << iota
	FeatNoDrop
	FeatSubmitStable
	FeatRWCurPos
	FeatCurPersonality
	FeatFastPoll
	FeatPoll32Bits
	FeatSQPollNonfixed
	FeatExtArg
	FeatNativeWorkers
	FeatRcrcTags
	FeatCQESkip
	FeatLinkedFile
	FeatRegRegRing     // 6.3
	FeatRecvsendBundle // 6.10
	FeatMinTimeout     // 6.12
	FeatRWAttr         // 6.13
	FeatNoIowait       // 6.15

	FeatRsrcTags = FeatRcrcTags
)
