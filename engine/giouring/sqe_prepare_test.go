package giouring

import (
	"syscall"
	"testing"
	"unsafe"
)

// TestPrepare wants of every preparer exactly the fields of its operation, in an entry full of what an earlier use
// may have left.
func TestPrepare(t *testing.T) {
	type E = SubmissionQueueEntry
	msg, ts, buf := &syscall.Msghdr{}, &syscall.Timespec{}, make([]byte, 100)
	msgAddr, tsAddr := uint64(uintptr(unsafe.Pointer(msg))), uint64(uintptr(unsafe.Pointer(ts)))
	bufAddr := uint64(uintptr(unsafe.Pointer(&buf[0])))
	for _, c := range []struct {
		name    string
		prepare func(e *E)
		want    E
	}{
		{"Nop", func(e *E) { e.PrepareNop() }, E{OpCode: OpNop, Fd: -1}},
		{"Accept", func(e *E) { e.PrepareAccept(5, 0x10, 0x20, 3) }, E{OpCode: OpAccept, Fd: 5, Addr: 0x10, Off: 0x20, OpcodeFlags: 3}},
		{"AcceptDirect", func(e *E) { e.PrepareAcceptDirect(5, 0, 0, 0, 7) }, E{OpCode: OpAccept, Fd: 5, SpliceFdIn: 8}},
		{"MultishotAccept", func(e *E) { e.PrepareMultishotAccept(5, 0, 0, 3) }, E{OpCode: OpAccept, Fd: 5, OpcodeFlags: 3, IoPrio: 1}},
		{"MultishotAcceptDirect", func(e *E) { e.PrepareMultishotAcceptDirect(5, 0, 0, 3) }, E{OpCode: OpAccept, Fd: 5, OpcodeFlags: 3, IoPrio: 1, SpliceFdIn: -1}},
		{"Connect", func(e *E) { e.PrepareConnect(5, unsafe.Pointer(&buf[0]), 16) }, E{OpCode: OpConnect, Fd: 5, Addr: bufAddr, Off: 16}},
		{"Socket", func(e *E) { e.PrepareSocket(2, 1, 6, 9) }, E{OpCode: OpSocket, Fd: 2, Off: 1, Len: 6, OpcodeFlags: 9}},
		{"SocketDirect", func(e *E) { e.PrepareSocketDirect(2, 1, 6, 4, 9) }, E{OpCode: OpSocket, Fd: 2, Off: 1, Len: 6, OpcodeFlags: 9, SpliceFdIn: 5}},
		{"SocketDirectAlloc", func(e *E) { e.PrepareSocketDirectAlloc(2, 1, 6, 0) }, E{OpCode: OpSocket, Fd: 2, Off: 1, Len: 6, SpliceFdIn: -1}},
		{"Recv", func(e *E) { e.PrepareRecv(5, 0x1000, 64, 0x100) }, E{OpCode: OpRecv, Fd: 5, Addr: 0x1000, Len: 64, OpcodeFlags: 0x100}},
		{"RecvMultishot", func(e *E) { e.PrepareRecvMultishot(5, 0, 0, 0) }, E{OpCode: OpRecv, Fd: 5, IoPrio: RecvMultishot}},
		{"RecvMsg", func(e *E) { e.PrepareRecvMsg(5, msg, 1) }, E{OpCode: OpRecvmsg, Fd: 5, Addr: msgAddr, Len: 1, OpcodeFlags: 1}},
		{"RecvMsgMultishot", func(e *E) { e.PrepareRecvMsgMultishot(5, msg, 1) }, E{OpCode: OpRecvmsg, Fd: 5, Addr: msgAddr, Len: 1, OpcodeFlags: 1, IoPrio: RecvMultishot}},
		{"Send", func(e *E) { e.PrepareSend(5, 0x1000, 64, 0x100) }, E{OpCode: OpSend, Fd: 5, Addr: 0x1000, Len: 64, OpcodeFlags: 0x100}},
		{"SendBundle", func(e *E) { e.PrepareSendBundle(5, 64, 0x100, 3) }, E{OpCode: OpSend, Fd: 5, Len: 64, OpcodeFlags: 0x100, IoPrio: RecvsendBundle, Flags: SqeBufferSelect, BufIG: 3}},
		{"SendVectorized", func(e *E) { e.PrepareSendVectorized(5, 0x1000, 2, 0x100) }, E{OpCode: OpSend, Fd: 5, Addr: 0x1000, Len: 2, OpcodeFlags: 0x100, IoPrio: SendVectorized}},
		{"SendSetAddr", func(e *E) { e.PrepareSend(5, 0, 0, 0); e.PrepareSendSetAddr(unsafe.Pointer(&buf[0]), 16) }, E{OpCode: OpSend, Fd: 5, Off: bufAddr, SpliceFdIn: 16}},
		{"SendMsg", func(e *E) { e.PrepareSendMsg(5, msg, 1) }, E{OpCode: OpSendmsg, Fd: 5, Addr: msgAddr, Len: 1, OpcodeFlags: 1}},
		{"SendZC", func(e *E) { e.PrepareSendZC(5, buf, 1, uint32(SendZCReportUsage)) }, E{OpCode: OpSendZC, Fd: 5, Addr: bufAddr, Len: 100, OpcodeFlags: 1, IoPrio: SendZCReportUsage}},
		{"SendZCFixed", func(e *E) { e.PrepareSendZCFixed(5, buf, 1, 0, 9) }, E{OpCode: OpSendZC, Fd: 5, Addr: bufAddr, Len: 100, OpcodeFlags: 1, IoPrio: RecvsendFixedBuf, BufIG: 9}},
		{"SendmsgZC", func(e *E) { e.PrepareSendmsgZC(5, msg, 1) }, E{OpCode: OpSendMsgZC, Fd: 5, Addr: msgAddr, Len: 1, OpcodeFlags: 1}},
		{"Shutdown", func(e *E) { e.PrepareShutdown(5, 1) }, E{OpCode: OpShutdown, Fd: 5, Len: 1}},

		{"Read", func(e *E) { e.PrepareRead(5, 0x1000, 512, 1<<40) }, E{OpCode: OpRead, Fd: 5, Addr: 0x1000, Len: 512, Off: 1 << 40}},
		{"Write", func(e *E) { e.PrepareWrite(5, 0x1000, 512, 1<<40) }, E{OpCode: OpWrite, Fd: 5, Addr: 0x1000, Len: 512, Off: 1 << 40}},
		{"ReadFixed", func(e *E) { e.PrepareReadFixed(5, 0x1000, 512, 8, 3) }, E{OpCode: OpReadFixed, Fd: 5, Addr: 0x1000, Len: 512, Off: 8, BufIG: 3}},
		{"WriteFixed", func(e *E) { e.PrepareWriteFixed(5, 0x1000, 512, 8, 3) }, E{OpCode: OpWriteFixed, Fd: 5, Addr: 0x1000, Len: 512, Off: 8, BufIG: 3}},
		{"Readv", func(e *E) { e.PrepareReadv(5, 0x1000, 2, 8) }, E{OpCode: OpReadv, Fd: 5, Addr: 0x1000, Len: 2, Off: 8}},
		{"Readv2", func(e *E) { e.PrepareReadv2(5, 0x1000, 2, 8, 1) }, E{OpCode: OpReadv, Fd: 5, Addr: 0x1000, Len: 2, Off: 8, OpcodeFlags: 1}},
		{"Writev", func(e *E) { e.PrepareWritev(5, 0x1000, 2, 8) }, E{OpCode: OpWritev, Fd: 5, Addr: 0x1000, Len: 2, Off: 8}},
		{"Writev2", func(e *E) { e.PrepareWritev2(5, 0x1000, 2, 8, 2) }, E{OpCode: OpWritev, Fd: 5, Addr: 0x1000, Len: 2, Off: 8, OpcodeFlags: 2}},
		{"Fsync", func(e *E) { e.PrepareFsync(5, FsyncDatasync) }, E{OpCode: OpFsync, Fd: 5, OpcodeFlags: 1}},
		{"FsyncRange", func(e *E) { e.PrepareFsyncRange(5, 1, 8, 16) }, E{OpCode: OpFsync, Fd: 5, OpcodeFlags: 1, Off: 8, Len: 16}},
		{"Fallocate", func(e *E) { e.PrepareFallocate(5, 3, 8, 1<<33) }, E{OpCode: OpFallocate, Fd: 5, Len: 3, Off: 8, Addr: 1 << 33}},
		{"UringCmd", func(e *E) { e.PrepareUringCmd(5, 0x1200, 1, 2, 3) }, E{OpCode: OpUringCmd, Fd: 5, Off: 0x1200, Addr: 1, Addr3: 2, Len: 3}},
		{"BlockDiscard", func(e *E) { e.PrepareBlockDiscard(5, 1<<33, 1<<34) }, E{OpCode: OpUringCmd, Fd: 5, Off: 0x1200, Addr: 1 << 33, Addr3: 1 << 34}},
		{"Close", func(e *E) { e.PrepareClose(5) }, E{OpCode: OpClose, Fd: 5}},
		{"CloseDirect", func(e *E) { e.PrepareCloseDirect(5) }, E{OpCode: OpClose, SpliceFdIn: 6}},
		{"FilesUpdate", func(e *E) { e.PrepareFilesUpdate(0x1000, 2, 4) }, E{OpCode: OpFilesUpdate, Fd: -1, Addr: 0x1000, Len: 2, Off: 4}},

		{"Timeout", func(e *E) { e.PrepareTimeout(ts, 0, TimeoutAbs) }, E{OpCode: OpTimeout, Fd: -1, Addr: tsAddr, Len: 1, OpcodeFlags: 1}},
		{"LinkTimeout", func(e *E) { e.PrepareLinkTimeout(ts, 0) }, E{OpCode: OpLinkTimeout, Fd: -1, Addr: tsAddr, Len: 1}},
		{"TimeoutRemove", func(e *E) { e.PrepareTimeoutRemove(77, 0) }, E{OpCode: OpTimeoutRemove, Fd: -1, Addr: 77}},
		{"TimeoutUpdate", func(e *E) { e.PrepareTimeoutUpdate(ts, 77, 0) }, E{OpCode: OpTimeoutRemove, Fd: -1, Addr: 77, Off: tsAddr, OpcodeFlags: TimeoutUpdate}},
		{"PollAdd", func(e *E) { e.PreparePollAdd(5, 1) }, E{OpCode: OpPollAdd, Fd: 5, OpcodeFlags: 1}},
		{"PollMultishot", func(e *E) { e.PreparePollMultishot(5, 1) }, E{OpCode: OpPollAdd, Fd: 5, OpcodeFlags: 1, Len: 1}},
		{"PollRemove", func(e *E) { e.PreparePollRemove(77) }, E{OpCode: OpPollRemove, Fd: -1, Addr: 77}},
		{"PollUpdate", func(e *E) { e.PreparePollUpdate(77, 78, 4, PollUpdateEvents) }, E{OpCode: OpPollRemove, Fd: -1, Addr: 77, Off: 78, Len: 2, OpcodeFlags: 4}},
		{"Cancel64", func(e *E) { e.PrepareCancel64(77, int(AsyncCancelAll)) }, E{OpCode: OpAsyncCancel, Fd: -1, Addr: 77, OpcodeFlags: 1}},
		{"Cancel", func(e *E) { e.PrepareCancel(77, 0) }, E{OpCode: OpAsyncCancel, Fd: -1, Addr: 77}},
		{"CancelFd", func(e *E) { e.PrepareCancelFd(5, AsyncCancelAll) }, E{OpCode: OpAsyncCancel, Fd: 5, OpcodeFlags: 3}},
		{"MsgRing", func(e *E) { e.PrepareMsgRing(5, 1, 2, 0) }, E{OpCode: OpMsgRing, Fd: 5, Len: 1, Off: 2}},
		{"MsgRingCqeFlags", func(e *E) { e.PrepareMsgRingCqeFlags(5, 1, 2, 0, 9) }, E{OpCode: OpMsgRing, Fd: 5, Len: 1, Off: 2, OpcodeFlags: MsgRingFlagsPass, SpliceFdIn: 9}},
		{"MsgRingFd", func(e *E) { e.PrepareMsgRingFd(5, 1, 2, 3, 1) }, E{OpCode: OpMsgRing, Fd: 5, Addr: 1, Addr3: 1, SpliceFdIn: 3, Off: 3, OpcodeFlags: 1}},
		{"MsgRingFdAlloc", func(e *E) { e.PrepareMsgRingFdAlloc(5, 1, 3, 0) }, E{OpCode: OpMsgRing, Fd: 5, Addr: 1, Addr3: 1, SpliceFdIn: -1, Off: 3}},
		{"ProvideBuffers", func(e *E) { e.PrepareProvideBuffers(0x1000, 512, 8, 3, 1) }, E{OpCode: OpProvideBuffers, Fd: 8, Addr: 0x1000, Len: 512, Off: 1, BufIG: 3}},
		{"RemoveBuffers", func(e *E) { e.PrepareRemoveBuffers(8, 3) }, E{OpCode: OpRemoveBuffers, Fd: 8, BufIG: 3}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var e E
			for i, raw := 0, (*[64]byte)(unsafe.Pointer(&e)); i < len(raw); i++ {
				raw[i] = 0xa5
			}
			c.prepare(&e)
			if e != c.want {
				t.Errorf("got  %+v\nwant %+v", e, c.want)
			}
		})
	}
}

// TestSetters checks the fields left to the caller.
func TestSetters(t *testing.T) {
	var e SubmissionQueueEntry
	e.PrepareNop()
	e.SetData64(1 << 63)
	e.SetFlags(uint32(SqeAsync))
	if e.UserData != 1<<63 || e.Flags != SqeAsync {
		t.Errorf("got %+v", e)
	}
	var x int
	if e.SetData(unsafe.Pointer(&x)); e.UserData != uint64(uintptr(unsafe.Pointer(&x))) {
		t.Errorf("SetData stored %#x", e.UserData)
	}
}
