package giouring

import (
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
)

// TestConstants compares every constant with the value a C compiler gives its name in linux/io_uring.h.
func TestConstants(t *testing.T) {
	for _, c := range []struct {
		name      string
		got, want int64
	}{
		{"IOSQE_FIXED_FILE", int64(SqeFixedFile), 0x1},
		{"IOSQE_BUFFER_SELECT", int64(SqeBufferSelect), 0x20},
		{"IOSQE_CQE_SKIP_SUCCESS", int64(SqeCQESkipSuccess), 0x40},
		{"IORING_SETUP_CQSIZE", int64(SetupCQSize), 0x8},
		{"IORING_SETUP_SUBMIT_ALL", int64(SetupSubmitAll), 0x80},
		{"IORING_SETUP_COOP_TASKRUN", int64(SetupCoopTaskrun), 0x100},
		{"IORING_SETUP_TASKRUN_FLAG", int64(SetupTaskrunFlag), 0x200},
		{"IORING_SETUP_SQE128", int64(SetupSQE128), 0x400},
		{"IORING_SETUP_CQE32", int64(SetupCQE32), 0x800},
		{"IORING_SETUP_SINGLE_ISSUER", int64(SetupSingleIssuer), 0x1000},
		{"IORING_SETUP_DEFER_TASKRUN", int64(SetupDeferTaskrun), 0x2000},
		{"IORING_SETUP_NO_MMAP", int64(SetupNoMmap), 0x4000},
		{"IORING_SETUP_REGISTERED_FD_ONLY", int64(SetupRegisteredFdOnly), 0x8000},
		{"IORING_SETUP_NO_SQARRAY", int64(SetupNoSQArray), 0x10000},
		{"IORING_OP_NOP", int64(OpNop), 0},
		{"IORING_OP_FSYNC", int64(OpFsync), 0x3},
		{"IORING_OP_READ_FIXED", int64(OpReadFixed), 0x4},
		{"IORING_OP_WRITE_FIXED", int64(OpWriteFixed), 0x5},
		{"IORING_OP_POLL_ADD", int64(OpPollAdd), 0x6},
		{"IORING_OP_SENDMSG", int64(OpSendmsg), 0x9},
		{"IORING_OP_TIMEOUT", int64(OpTimeout), 0xb},
		{"IORING_OP_ACCEPT", int64(OpAccept), 0xd},
		{"IORING_OP_ASYNC_CANCEL", int64(OpAsyncCancel), 0xe},
		{"IORING_OP_FALLOCATE", int64(OpFallocate), 0x11},
		{"IORING_OP_READ", int64(OpRead), 0x16},
		{"IORING_OP_WRITE", int64(OpWrite), 0x17},
		{"IORING_OP_RECV", int64(OpRecv), 0x1b},
		{"IORING_OP_SHUTDOWN", int64(OpShutdown), 0x22},
		{"IORING_OP_MSG_RING", int64(OpMsgRing), 0x28},
		{"IORING_OP_URING_CMD", int64(OpUringCmd), 0x2e},
		{"IORING_OP_SENDMSG_ZC", int64(OpSendMsgZC), 0x30},
		{"IORING_FSYNC_DATASYNC", int64(FsyncDatasync), 0x1},
		{"IORING_POLL_ADD_MULTI", int64(PollAddMulti), 0x1},
		{"IORING_ASYNC_CANCEL_ALL", int64(AsyncCancelAll), 0x1},
		{"IORING_ASYNC_CANCEL_FD", int64(AsyncCancelFd), 0x2},
		{"IORING_ASYNC_CANCEL_ANY", int64(AsyncCancelAny), 0x4},
		{"IORING_ASYNC_CANCEL_FD_FIXED", int64(AsyncCancelFdFixed), 0x8},
		{"IORING_RECV_MULTISHOT", int64(RecvMultishot), 0x2},
		{"IORING_RECVSEND_FIXED_BUF", int64(RecvsendFixedBuf), 0x4},
		{"IORING_SEND_ZC_REPORT_USAGE", int64(SendZCReportUsage), 0x8},
		{"IORING_NOTIF_USAGE_ZC_COPIED", int64(NotifUsageZCCopied), 0x80000000},
		{"IORING_ACCEPT_MULTISHOT", int64(AcceptMultishot), 0x1},
		{"IORING_MSG_DATA", int64(MsgData), 0},
		{"IORING_CQE_F_BUFFER", int64(CQEFBuffer), 0x1},
		{"IORING_CQE_F_MORE", int64(CQEFMore), 0x2},
		{"IORING_CQE_F_NOTIF", int64(CQEFNotif), 0x8},
		{"IORING_CQE_F_BUF_MORE", int64(CQEFBufMore), 0x10},
		{"IORING_CQE_BUFFER_SHIFT", int64(CQEBufferShift), 0x10},
		{"IORING_SQ_CQ_OVERFLOW", int64(SQCQOverflow), 0x2},
		{"IORING_SQ_TASKRUN", int64(SQTaskrun), 0x4},
		{"IORING_ENTER_GETEVENTS", int64(EnterGetEvents), 0x1},
		{"IORING_ENTER_EXT_ARG", int64(EnterExtArg), 0x8},
		{"IORING_ENTER_REGISTERED_RING", int64(EnterRegisteredRing), 0x10},
		{"IORING_ENTER_NO_IOWAIT", int64(EnterNoIowait), 0x80},
		{"IORING_FEAT_SINGLE_MMAP", int64(FeatSingleMMap), 0x1},
		{"IORING_FEAT_NODROP", int64(FeatNoDrop), 0x2},
		{"IORING_FEAT_EXT_ARG", int64(FeatExtArg), 0x100},
		{"IORING_FEAT_REG_REG_RING", int64(FeatRegRegRing), 0x2000},
		{"IORING_FEAT_MIN_TIMEOUT", int64(FeatMinTimeout), 0x8000},
		{"IORING_FEAT_NO_IOWAIT", int64(FeatNoIowait), 0x20000},
		{"IORING_UNREGISTER_BUFFERS", int64(UnregisterBuffers), 0x1},
		{"IORING_UNREGISTER_FILES", int64(UnregisterFiles), 0x3},
		{"IORING_REGISTER_PROBE", int64(RegisterProbe), 0x8},
		{"IORING_REGISTER_FILES2", int64(RegisterFiles2), 0xd},
		{"IORING_REGISTER_FILES_UPDATE2", int64(RegisterFilesUpdate2), 0xe},
		{"IORING_REGISTER_BUFFERS2", int64(RegisterBuffers2), 0xf},
		{"IORING_REGISTER_BUFFERS_UPDATE", int64(RegisterBuffersUpdate), 0x10},
		{"IORING_REGISTER_RING_FDS", int64(RegisterRingFDs), 0x14},
		{"IORING_UNREGISTER_RING_FDS", int64(UnregisterRingFDs), 0x15},
		{"IORING_REGISTER_PBUF_RING", int64(RegisterPbufRing), 0x16},
		{"IORING_UNREGISTER_PBUF_RING", int64(UnregisterPbufRing), 0x17},
		{"IORING_REGISTER_SYNC_CANCEL", int64(RegisterSyncCancel), 0x18},
		{"IORING_REGISTER_USE_REGISTERED_RING", int64(RegisterUseRegisteredRing), 0x80000000},
		{"IORING_RSRC_REGISTER_SPARSE", int64(RsrcRegisterSparse), 0x1},
		{"IOU_PBUF_RING_INC", int64(PbufRingInc), 0x2},
	} {
		check.That(t, c.got == c.want, "%s is %#x, want %#x", c.name, c.got, c.want)
	}
}
