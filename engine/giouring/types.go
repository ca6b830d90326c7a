package giouring

import (
	"syscall"
	"unsafe"
)

// SubmissionQueueEntry is struct io_uring_sqe, 64 bytes.
//
// The Prepare methods fill one and leave UserData zero: set it, and any Flags, afterwards.
type SubmissionQueueEntry struct {
	OpCode      uint8
	Flags       uint8 // Sqe...
	IoPrio      uint16
	Fd          int32
	Off         uint64 // or addr2, or cmd_op in the low half
	Addr        uint64 // or splice_off_in, or level and optname
	Len         uint32
	OpcodeFlags uint32 // rw_flags, msg_flags, timeout_flags and the other flags of one operation
	UserData    uint64
	BufIG       uint16 // buf_index or buf_group
	Personality uint16
	SpliceFdIn  int32  // or file_index, or addr_len in the low half, or optlen
	Addr3       uint64 // or optval, or attr_ptr
	pad2        uint64 // or attr_type_mask
}

// SubmissionQueueEntry128 is the entry of 128 bytes, of GetSQE128.
type SubmissionQueueEntry128 struct {
	SubmissionQueueEntry
	more [64]byte
}

// Sizes of the command that an OpUringCmd carries.
const (
	commandOffset = 48
	CommandSize   = 16 // in an entry of 64 bytes
	Command128    = 80 // in one of 128
)

// Command is the space for a command (sqe->cmd): the entry's last 80 bytes, Addr3 and what follows it.
func (entry *SubmissionQueueEntry128) Command() *[Command128]byte {
	return (*[Command128]byte)(unsafe.Add(unsafe.Pointer(entry), commandOffset))
}

// Command is the space for a command (sqe->cmd): the entry's last 16 bytes.
func (entry *SubmissionQueueEntry) Command() *[CommandSize]byte {
	return (*[CommandSize]byte)(unsafe.Add(unsafe.Pointer(entry), commandOffset))
}

// CompletionQueueEvent is struct io_uring_cqe, 16 bytes. It lies in the ring and is valid until CQAdvance.
type CompletionQueueEvent struct {
	UserData uint64
	Res      int32  // result, or a negated errno
	Flags    uint32 // CQEF...
}

// CompletionQueueEvent32 is the completion of 32 bytes, of CQE32At.
type CompletionQueueEvent32 struct {
	CompletionQueueEvent
	Extra [2]uint64 // big_cqe
}

// Params is struct io_uring_params, 120 bytes. The caller sets Flags and what they name; the kernel fills the rest.
type Params struct {
	SQEntries    uint32
	CQEntries    uint32
	Flags        uint32
	SQThreadCPU  uint32
	SQThreadIdle uint32 // milliseconds
	Features     uint32
	WQFd         uint32
	resv         [3]uint32
	SQOff        SQRingOffsets
	CQOff        CQRingOffsets
}

// SQRingOffsets is struct io_sqring_offsets, 40 bytes.
type SQRingOffsets struct {
	Head, Tail, RingMask, RingEntries, Flags, Dropped, Array uint32
	resv1                                                    uint32
	UserAddr                                                 uint64
}

// CQRingOffsets is struct io_cqring_offsets, 40 bytes.
type CQRingOffsets struct {
	Head, Tail, RingMask, RingEntries, Overflow, CQEs, Flags uint32
	resv1                                                    uint32
	UserAddr                                                 uint64
}

// GetEventsArg is struct io_uring_getevents_arg, 24 bytes.
type GetEventsArg struct {
	Sigmask     uint64
	SigmaskSz   uint32
	MinWaitUsec uint32 // with FeatMinTimeout
	Ts          uint64
}

// RsrcRegister is struct io_uring_rsrc_register, 32 bytes.
type RsrcRegister struct {
	Nr    uint32
	Flags uint32
	Resv2 uint64
	Data  uint64
	Tags  uint64
}

// RsrcUpdate is struct io_uring_rsrc_update, 16 bytes.
type RsrcUpdate struct {
	Offset uint32
	Resv   uint32
	Data   uint64
}

// RsrcUpdate2 is struct io_uring_rsrc_update2, 32 bytes.
type RsrcUpdate2 struct {
	Offset uint32
	Resv   uint32
	Data   uint64
	Tags   uint64
	Nr     uint32
	Resv2  uint32
}

// BufReg is struct io_uring_buf_reg, 40 bytes.
type BufReg struct {
	RingAddr    uint64
	RingEntries uint32
	Bgid        uint16
	Flags       uint16 // PbufRing...
	Resv        [3]uint64
}

// SyncCancelReg is struct io_uring_sync_cancel_reg, 64 bytes.
type SyncCancelReg struct {
	Addr    uint64 // user data to match
	Fd      int32
	Flags   uint32 // AsyncCancel...
	Timeout syscall.Timespec
	OpCode  uint8
	Pad     [7]uint8
	Pad2    [3]uint64
}

// ProbeOp is struct io_uring_probe_op, 8 bytes.
type ProbeOp struct {
	Op    uint8
	Res   uint8
	Flags uint16
	Res2  uint32
}

// probeOpsSize is the largest number of operations an 8-bit opcode can name.
const probeOpsSize = 256

// Probe is struct io_uring_probe with room for every operation.
type Probe struct {
	LastOp uint8
	OpsLen uint8
	Res    uint16
	Res2   [3]uint32
	Ops    [probeOpsSize]ProbeOp
}
