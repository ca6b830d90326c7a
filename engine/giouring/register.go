package giouring

import (
	"syscall"
	"unsafe"
)

// Register is io_uring_register(2) on a descriptor, -1 for the few commands that need no ring.
func (ring *Ring) Register(fd int, opcode uint32, arg unsafe.Pointer, nrArgs uint32) (uint, syscall.Errno) {
	if k := ring.kernel; k != nil {
		return k.Register(fd, opcode, arg, nrArgs)
	}
	n, _, errno := syscall.Syscall6(sysRegister, uintptr(fd), uintptr(opcode), uintptr(arg), uintptr(nrArgs), 0, 0)
	return uint(n), errno
}

// register is Register on this ring. It turns the errno into an error.
func (ring *Ring) register(opcode uint32, arg unsafe.Pointer, nrArgs uint32) (uint, error) {
	n, errno := ring.Register(int(ring.regFd), opcode|ring.regFlags, arg, nrArgs)
	if errno != 0 {
		return 0, errno
	}
	return n, nil
}

// RegisterRingFd makes enter use a registered index, which saves the look-up of the descriptor in every call. The index is
// one of the calling thread's 16, and in use until UnregisterRingFd or QueueExit on that thread.
func (ring *Ring) RegisterRingFd() (uint, error) {
	if ring.intFlags&regRing != 0 {
		return 0, syscall.EEXIST
	}
	up := RsrcUpdate{Offset: ^uint32(0), Data: uint64(ring.ringFd)}
	n, err := ring.register(RegisterRingFDs, unsafe.Pointer(&up), 1)
	if err != nil {
		return 0, err
	}
	if n != 1 {
		return 0, syscall.EINVAL
	}
	ring.enterFd, ring.enterFlags = uintptr(up.Offset), EnterRegisteredRing
	ring.intFlags |= regRing
	if ring.features&FeatRegRegRing != 0 {
		ring.regFd, ring.regFlags = uintptr(up.Offset), RegisterUseRegisteredRing
		ring.intFlags |= regRegRing
	}
	return n, nil
}

// UnregisterRingFd returns the registered index; enter uses the descriptor again.
func (ring *Ring) UnregisterRingFd() (uint, error) {
	if ring.intFlags&regRing == 0 {
		return 0, syscall.EINVAL
	}
	up := RsrcUpdate{Offset: uint32(ring.enterFd)}
	n, err := ring.register(UnregisterRingFDs, unsafe.Pointer(&up), 1)
	if err != nil {
		return 0, err
	}
	ring.enterFd, ring.enterFlags = uintptr(ring.ringFd), 0
	ring.regFd, ring.regFlags = uintptr(ring.ringFd), 0
	ring.intFlags &^= regRing | regRegRing
	return n, nil
}

// RegisterSyncCancel cancels what reg describes and waits until it is gone. ENOENT says that nothing matched, ETIME
// that the timeout passed. A Timeout of {-1, -1} waits forever.
func (ring *Ring) RegisterSyncCancel(reg *SyncCancelReg) (uint, error) {
	return ring.register(RegisterSyncCancel, unsafe.Pointer(reg), 1)
}

// GetProbeRing returns the operations that the kernel has.
func (ring *Ring) GetProbeRing() (*Probe, error) {
	probe := &Probe{}
	if _, err := ring.register(RegisterProbe, unsafe.Pointer(probe), probeOpsSize); err != nil {
		return nil, err
	}
	return probe, nil
}

// opSupported is IO_URING_OP_SUPPORTED.
const opSupported uint16 = 1 << 0

// IsSupported reports whether the kernel has operation op.
func (p *Probe) IsSupported(op uint8) bool {
	return op <= p.LastOp && p.Ops[op].Flags&opSupported != 0
}
