package giouring

import (
	"testing"
	"unsafe"

	"github.com/ringtgt/ringtgt/internal/check"
)

// TestLayout compares sizes and offsets with those of linux/io_uring.h.
func TestLayout(t *testing.T) {
	var (
		sqe    SubmissionQueueEntry
		wide   SubmissionQueueEntry128
		params Params
		sqOff  SQRingOffsets
		cqOff  CQRingOffsets
		arg    GetEventsArg
		reg    BufReg
		buf    BufAndRing
		cancel SyncCancelReg
		probe  Probe
	)
	for _, c := range []struct {
		name      string
		got, want uintptr
	}{
		{"sizeof io_uring_sqe", unsafe.Sizeof(sqe), 64},
		{"sizeof io_uring_cqe", unsafe.Sizeof(CompletionQueueEvent{}), 16},
		{"sizeof io_uring_sqe, SQE128", unsafe.Sizeof(SubmissionQueueEntry128{}), 128},
		{"sizeof io_uring_cqe, CQE32", unsafe.Sizeof(CompletionQueueEvent32{}), 32},
		{"offsetof io_uring_sqe.cmd", uintptr(unsafe.Pointer(wide.Command())) - uintptr(unsafe.Pointer(&wide)), 48},
		{"offsetof io_uring_sqe.cmd, small", uintptr(unsafe.Pointer(sqe.Command())) - uintptr(unsafe.Pointer(&sqe)), 48},
		{"offsetof io_uring_cqe.big_cqe", unsafe.Offsetof(CompletionQueueEvent32{}.Extra), 16},
		{"sizeof io_uring_params", unsafe.Sizeof(params), 120},
		{"sizeof io_sqring_offsets", unsafe.Sizeof(sqOff), 40},
		{"sizeof io_cqring_offsets", unsafe.Sizeof(cqOff), 40},
		{"sizeof io_uring_getevents_arg", unsafe.Sizeof(arg), 24},
		{"sizeof io_uring_rsrc_register", unsafe.Sizeof(RsrcRegister{}), 32},
		{"sizeof io_uring_rsrc_update", unsafe.Sizeof(RsrcUpdate{}), 16},
		{"sizeof io_uring_rsrc_update2", unsafe.Sizeof(RsrcUpdate2{}), 32},
		{"sizeof io_uring_buf", unsafe.Sizeof(buf), 16},
		{"sizeof io_uring_buf_reg", unsafe.Sizeof(reg), 40},
		{"sizeof io_uring_sync_cancel_reg", unsafe.Sizeof(cancel), 64},
		{"sizeof io_uring_probe_op", unsafe.Sizeof(ProbeOp{}), 8},
		{"offsetof io_uring_probe.ops", unsafe.Offsetof(probe.Ops), 16},

		{"offsetof io_uring_sqe.off", unsafe.Offsetof(sqe.Off), 8},
		{"offsetof io_uring_sqe.addr", unsafe.Offsetof(sqe.Addr), 16},
		{"offsetof io_uring_sqe.len", unsafe.Offsetof(sqe.Len), 24},
		{"offsetof io_uring_sqe.rw_flags", unsafe.Offsetof(sqe.OpcodeFlags), 28},
		{"offsetof io_uring_sqe.user_data", unsafe.Offsetof(sqe.UserData), 32},
		{"offsetof io_uring_sqe.buf_group", unsafe.Offsetof(sqe.BufIG), 40},
		{"offsetof io_uring_sqe.personality", unsafe.Offsetof(sqe.Personality), 42},
		{"offsetof io_uring_sqe.file_index", unsafe.Offsetof(sqe.SpliceFdIn), 44},
		{"offsetof io_uring_sqe.addr3", unsafe.Offsetof(sqe.Addr3), 48},
		{"offsetof io_uring_params.features", unsafe.Offsetof(params.Features), 20},
		{"offsetof io_uring_params.sq_off", unsafe.Offsetof(params.SQOff), 40},
		{"offsetof io_uring_params.cq_off", unsafe.Offsetof(params.CQOff), 80},
		{"offsetof io_sqring_offsets.array", unsafe.Offsetof(sqOff.Array), 24},
		{"offsetof io_cqring_offsets.overflow", unsafe.Offsetof(cqOff.Overflow), 16},
		{"offsetof io_cqring_offsets.cqes", unsafe.Offsetof(cqOff.CQEs), 20},
		{"offsetof io_cqring_offsets.flags", unsafe.Offsetof(cqOff.Flags), 24},
		{"offsetof io_uring_getevents_arg.min_wait_usec", unsafe.Offsetof(arg.MinWaitUsec), 12},
		{"offsetof io_uring_getevents_arg.ts", unsafe.Offsetof(arg.Ts), 16},
		{"offsetof io_uring_buf_reg.bgid", unsafe.Offsetof(reg.Bgid), 12},
		{"offsetof io_uring_buf_reg.flags", unsafe.Offsetof(reg.Flags), 14},
		{"offsetof io_uring_buf_ring.tail", unsafe.Offsetof(buf.Tail), 14},
		{"offsetof io_uring_sync_cancel_reg.timeout", unsafe.Offsetof(cancel.Timeout), 16},
		{"offsetof io_uring_sync_cancel_reg.opcode", unsafe.Offsetof(cancel.OpCode), 32},
	} {
		check.Equal(t, c.got, c.want, "%s is", c.name)
	}
}
