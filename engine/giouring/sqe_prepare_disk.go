package giouring

// prepareRW fills what every transfer between memory and a file shares.
func (entry *SubmissionQueueEntry) prepareRW(op uint8, fd int, addr uintptr, length uint32, offset uint64) {
	*entry = SubmissionQueueEntry{OpCode: op, Fd: int32(fd), Addr: uint64(addr), Len: length, Off: offset}
}

// PrepareRead is pread(2); offset ^uint64(0) reads at the file's own position.
func (entry *SubmissionQueueEntry) PrepareRead(fd int, buf uintptr, nbytes uint32, offset uint64) {
	entry.prepareRW(OpRead, fd, buf, nbytes, offset)
}

// PrepareWrite is pwrite(2).
func (entry *SubmissionQueueEntry) PrepareWrite(fd int, buf uintptr, nbytes uint32, offset uint64) {
	entry.prepareRW(OpWrite, fd, buf, nbytes, offset)
}

// PrepareReadFixed is pread(2) into a part of registered buffer bufIndex.
func (entry *SubmissionQueueEntry) PrepareReadFixed(fd int, buf uintptr, nbytes uint32, offset uint64, bufIndex int) {
	entry.prepareRW(OpReadFixed, fd, buf, nbytes, offset)
	entry.BufIG = uint16(bufIndex)
}

// PrepareWriteFixed is pwrite(2) out of a part of registered buffer index.
func (entry *SubmissionQueueEntry) PrepareWriteFixed(fd int, vectors uintptr, length uint32, offset uint64, index int) {
	entry.prepareRW(OpWriteFixed, fd, vectors, length, offset)
	entry.BufIG = uint16(index)
}

// PrepareReadv is preadv(2).
func (entry *SubmissionQueueEntry) PrepareReadv(fd int, iovecs uintptr, nrVecs uint32, offset uint64) {
	entry.prepareRW(OpReadv, fd, iovecs, nrVecs, offset)
}

// PrepareReadv2 is preadv2(2).
func (entry *SubmissionQueueEntry) PrepareReadv2(fd int, iovecs uintptr, nrVecs uint32, offset uint64, flags int) {
	entry.prepareRW(OpReadv, fd, iovecs, nrVecs, offset)
	entry.OpcodeFlags = uint32(flags)
}

// PrepareWritev is pwritev(2).
func (entry *SubmissionQueueEntry) PrepareWritev(fd int, iovecs uintptr, nrVecs uint32, offset uint64) {
	entry.prepareRW(OpWritev, fd, iovecs, nrVecs, offset)
}

// PrepareWritev2 is pwritev2(2).
func (entry *SubmissionQueueEntry) PrepareWritev2(fd int, iovecs uintptr, nrVecs uint32, offset uint64, flags int) {
	entry.prepareRW(OpWritev, fd, iovecs, nrVecs, offset)
	entry.OpcodeFlags = uint32(flags)
}

// PrepareFsync is fsync(2), or fdatasync(2) with FsyncDatasync, of the whole file.
func (entry *SubmissionQueueEntry) PrepareFsync(fd int, flags uint32) {
	*entry = SubmissionQueueEntry{OpCode: OpFsync, Fd: int32(fd), OpcodeFlags: flags}
}

// PrepareFsyncRange is PrepareFsync of length bytes from offset; a length of 0 means to the end.
func (entry *SubmissionQueueEntry) PrepareFsyncRange(fd int, flags uint32, offset uint64, length uint32) {
	*entry = SubmissionQueueEntry{OpCode: OpFsync, Fd: int32(fd), OpcodeFlags: flags, Off: offset, Len: length}
}

// PrepareFallocate is fallocate(2). The kernel keeps the mode in len and the length in addr.
func (entry *SubmissionQueueEntry) PrepareFallocate(fd int, mode int, offset, length uint64) {
	*entry = SubmissionQueueEntry{OpCode: OpFallocate, Fd: int32(fd), Off: offset, Addr: length, Len: uint32(mode)}
}

// PrepareUringCmd is a command of the file's driver. addr, addr3 and length mean what the command says.
func (entry *SubmissionQueueEntry) PrepareUringCmd(fd int, cmdOp uint32, addr, addr3 uint64, length uint32) {
	*entry = SubmissionQueueEntry{
		OpCode: OpUringCmd, Fd: int32(fd), Off: uint64(cmdOp), Addr: addr, Len: length, Addr3: addr3,
	}
}

// PrepareBlockDiscard discards length bytes of a block device from offset, both multiples of its logical block
// (BLOCK_URING_CMD_DISCARD, 6.12; before it the completion says EOPNOTSUPP).
func (entry *SubmissionQueueEntry) PrepareBlockDiscard(fd int, offset, length uint64) {
	entry.PrepareUringCmd(fd, BlockUringCmdDiscard, offset, length, 0)
}

// PrepareClose is close(2).
func (entry *SubmissionQueueEntry) PrepareClose(fd int) {
	*entry = SubmissionQueueEntry{OpCode: OpClose, Fd: int32(fd)}
}

// PrepareCloseDirect empties registered file slot fileIndex.
func (entry *SubmissionQueueEntry) PrepareCloseDirect(fileIndex uint32) {
	*entry = SubmissionQueueEntry{OpCode: OpClose}
	entry.setTargetFixedFile(fileIndex)
}

// PrepareFilesUpdate puts count descriptors (int32 each, -1 for none) at fds into the registered file slots from
// offset on. The result is how many were placed.
func (entry *SubmissionQueueEntry) PrepareFilesUpdate(fds uintptr, count uint32, offset int) {
	*entry = SubmissionQueueEntry{OpCode: OpFilesUpdate, Fd: -1, Addr: uint64(fds), Len: count, Off: uint64(offset)}
}
