package giouring

// Constants of linux/io_uring.h, each with the value that the kernel defines, and only those that this module uses.

// Flags of one submission entry (sqe->flags).
const (
	SqeFixedFile      uint8 = 1 << 0 // Fd is an index into the registered files
	SqeBufferSelect   uint8 = 1 << 5 // take a provided buffer of group BufIG
	SqeCQESkipSuccess uint8 = 1 << 6 // no completion on success
)

// Flags of io_uring_setup(2).
const (
	SetupCQSize           uint32 = 1 << 3  // Params.CQEntries is valid
	SetupSubmitAll        uint32 = 1 << 7  // 5.18: a bad entry does not stop the batch
	SetupCoopTaskrun      uint32 = 1 << 8  // 5.19
	SetupTaskrunFlag      uint32 = 1 << 9  // 5.19: SQTaskrun shows pending task work
	SetupSQE128           uint32 = 1 << 10 // 5.19: every submission entry has 128 bytes
	SetupCQE32            uint32 = 1 << 11 // 5.19: every completion has 32 bytes
	SetupSingleIssuer     uint32 = 1 << 12 // 6.0
	SetupDeferTaskrun     uint32 = 1 << 13 // 6.1: completions are made inside enter only
	SetupNoMmap           uint32 = 1 << 14 // refused
	SetupRegisteredFdOnly uint32 = 1 << 15 // refused
	SetupNoSQArray        uint32 = 1 << 16 // 6.6: no index array between tail and entries
	SetupCQEMixed         uint32 = 1 << 18 // 6.18: completions of 16 and of 32 bytes (CQEF32)
	SetupSQEMixed         uint32 = 1 << 19 // 6.19: entries of 64 bytes, and of 128 for OpNop128 and OpUringCmd128
)

// Operations (sqe->opcode).
const (
	OpNop         uint8 = 0
	OpFsync       uint8 = 3
	OpReadFixed   uint8 = 4
	OpWriteFixed  uint8 = 5
	OpPollAdd     uint8 = 6
	OpSendmsg     uint8 = 9
	OpTimeout     uint8 = 11
	OpAccept      uint8 = 13
	OpAsyncCancel uint8 = 14
	OpFallocate   uint8 = 17
	OpRead        uint8 = 22
	OpWrite       uint8 = 23
	OpRecv        uint8 = 27
	OpShutdown    uint8 = 34
	OpMsgRing     uint8 = 40 // 5.18
	OpUringCmd    uint8 = 46 // 5.19
	OpSendMsgZC   uint8 = 48 // 6.1
	OpNop128      uint8 = 63 // 6.19
	OpUringCmd128 uint8 = 64 // 6.19
)

// NopCQE32, in sqe->nop_flags, makes OpNop complete with 32 bytes, whose second half is off and addr (6.18).
const NopCQE32 uint32 = 1 << 5

// FsyncDatasync makes OpFsync an fdatasync(2).
const FsyncDatasync uint32 = 1 << 0

// PollAddMulti, in sqe->len, makes OpPollAdd multishot.
const PollAddMulti uint32 = 1 << 0

// Flags of OpAsyncCancel and of SyncCancelReg.
const (
	AsyncCancelAll     uint32 = 1 << 0 // every match, not only the first
	AsyncCancelFd      uint32 = 1 << 1 // match by descriptor
	AsyncCancelAny     uint32 = 1 << 2 // match everything
	AsyncCancelFdFixed uint32 = 1 << 3 // the descriptor is a registered one
)

// RecvMultishot, in sqe->ioprio, makes OpRecv multishot (6.0).
const RecvMultishot uint16 = 1 << 1

// Flags of OpSendMsgZC, in sqe->ioprio.
const (
	RecvsendFixedBuf  uint16 = 1 << 2 // the data lies in the registered buffer BufIG; for a message with iovecs since 6.15
	SendZCReportUsage uint16 = 1 << 3 // 6.2: the notification says whether the data was copied
)

// NotifUsageZCCopied, in the result of a notification: at least a part of the data was copied.
const NotifUsageZCCopied uint32 = 1 << 31

// AcceptMultishot, in sqe->ioprio, makes OpAccept multishot.
const AcceptMultishot uint16 = 1 << 0

// MsgData, in sqe->addr, makes OpMsgRing post a completion.
const MsgData uint32 = 0

// BlockUringCmdDiscard, _IO(0x12, 0) of linux/blkdev.h, discards a range of a block device (6.12).
const BlockUringCmdDiscard uint32 = 0x1200

// Flags of a completion (cqe->flags).
const (
	CQEFBuffer  uint32 = 1 << 0  // the upper 16 bits are a buffer id
	CQEFMore    uint32 = 1 << 1  // more completions follow for this entry
	CQEFNotif   uint32 = 1 << 3  // the notification of a zero-copy send: its memory may be reused
	CQEFBufMore uint32 = 1 << 4  // 6.12: the buffer is not used up yet (PbufRingInc)
	CQEFSkip    uint32 = 1 << 5  // 6.18: no completion, but padding before the end of the ring (SetupCQEMixed)
	CQEF32      uint32 = 1 << 15 // 6.18: this completion has 32 bytes (SetupCQEMixed)
)

// CQEBufferShift is where the buffer id starts in cqe->flags.
const CQEBufferShift uint32 = 16

// Bits that the kernel sets in the submission ring's flags.
const (
	SQCQOverflow uint32 = 1 << 1
	SQTaskrun    uint32 = 1 << 2
)

// Flags of io_uring_enter(2).
const (
	EnterGetEvents      uint32 = 1 << 0
	EnterExtArg         uint32 = 1 << 3 // 5.11: the argument is a GetEventsArg
	EnterRegisteredRing uint32 = 1 << 4 // 5.18: the descriptor is a registered index
	EnterNoIowait       uint32 = 1 << 7 // 6.15
)

// Features that the kernel reports in Params.Features.
const (
	FeatSingleMMap uint32 = 1 << 0
	FeatNoDrop     uint32 = 1 << 1
	FeatExtArg     uint32 = 1 << 8
	FeatRegRegRing uint32 = 1 << 13 // 6.3
	FeatMinTimeout uint32 = 1 << 15 // 6.12
	FeatNoIowait   uint32 = 1 << 17 // 6.15
)

// Commands of io_uring_register(2).
const (
	UnregisterBuffers     uint32 = 1
	UnregisterFiles       uint32 = 3
	RegisterProbe         uint32 = 8
	RegisterFiles2        uint32 = 13
	RegisterFilesUpdate2  uint32 = 14
	RegisterBuffers2      uint32 = 15
	RegisterBuffersUpdate uint32 = 16
	RegisterRingFDs       uint32 = 20 // 5.18
	UnregisterRingFDs     uint32 = 21 // 5.18
	RegisterPbufRing      uint32 = 22 // 5.19
	UnregisterPbufRing    uint32 = 23 // 5.19
	RegisterSyncCancel    uint32 = 24 // 6.0

	// RegisterUseRegisteredRing is or-ed to the command when the descriptor is a registered index (6.3).
	RegisterUseRegisteredRing uint32 = 1 << 31
)

// RsrcRegisterSparse registers an empty table (5.19).
const RsrcRegisterSparse uint32 = 1 << 0

// PbufRingInc in BufReg.Flags: buffers are used up piece by piece (6.12).
const PbufRingInc uint16 = 1 << 1

// What a Ring remembers about its own descriptor.
const (
	regRing    uint8 = 1 // enter uses the registered index
	regRegRing uint8 = 2 // register uses it too
)
