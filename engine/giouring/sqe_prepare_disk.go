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

// PrepareFsync is fsync(2), or fdatasync(2) with FsyncDatasync, of the whole file.
func (entry *SubmissionQueueEntry) PrepareFsync(fd int, flags uint32) {
	*entry = SubmissionQueueEntry{OpCode: OpFsync, Fd: int32(fd), OpcodeFlags: flags}
}

// PrepareFallocate is fallocate(2). The kernel keeps the mode in len and the length in addr.
func (entry *SubmissionQueueEntry) PrepareFallocate(fd int, mode int, offset, length uint64) {
	*entry = SubmissionQueueEntry{OpCode: OpFallocate, Fd: int32(fd), Off: offset, Addr: length, Len: uint32(mode)}
}

// PrepareBlockDiscard discards length bytes of a block device from offset, both multiples of its logical block
// (BLOCK_URING_CMD_DISCARD, 6.12; older kernels complete it with EOPNOTSUPP).
func (entry *SubmissionQueueEntry) PrepareBlockDiscard(fd int, offset, length uint64) {
	*entry = SubmissionQueueEntry{
		OpCode: OpUringCmd, Fd: int32(fd), Off: uint64(BlockUringCmdDiscard), Addr: offset, Addr3: length,
	}
}
