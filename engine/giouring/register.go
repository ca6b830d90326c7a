package giouring

import (
	"runtime"
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

// RegisterRingFd makes enter go by a registered index, which saves the look-up of the descriptor on every call. The
// index belongs to the calling thread, of whose 16 it takes one until UnregisterRingFd or QueueExit on that thread.
func (ring *Ring) RegisterRingFd() (uint, error) {
	if ring.intFlags&IntFlagRegRing != 0 {
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
	ring.intFlags |= IntFlagRegRing
	if ring.features&FeatRegRegRing != 0 {
		ring.regFd, ring.regFlags = uintptr(up.Offset), RegisterUseRegisteredRing
		ring.intFlags |= IntFlagRegRegRing
	}
	return n, nil
}

// UnregisterRingFd gives the registered index back and goes by the descriptor again.
func (ring *Ring) UnregisterRingFd() (uint, error) {
	if ring.intFlags&IntFlagRegRing == 0 {
		return 0, syscall.EINVAL
	}
	up := RsrcUpdate{Offset: uint32(ring.enterFd)}
	n, err := ring.register(UnregisterRingFDs, unsafe.Pointer(&up), 1)
	if err != nil {
		return 0, err
	}
	ring.enterFd, ring.enterFlags = uintptr(ring.ringFd), 0
	ring.regFd, ring.regFlags = uintptr(ring.ringFd), 0
	ring.intFlags &^= IntFlagRegRing | IntFlagRegRegRing
	return n, nil
}

// EnableRings starts a ring set up with SetupRDisabled. With SetupSingleIssuer the calling thread becomes the issuer.
func (ring *Ring) EnableRings() (uint, error) { return ring.register(RegisterEnableRings, nil, 0) }

// RegisterRestrictions limits what a disabled ring will accept.
func (ring *Ring) RegisterRestrictions(res []Restriction) (uint, error) {
	return ring.register(RegisterRestrictions, unsafe.Pointer(unsafe.SliceData(res)), uint32(len(res)))
}

// RegisterEventFd signals fd at each completion.
func (ring *Ring) RegisterEventFd(fd int) (uint, error) {
	fd32 := int32(fd)
	return ring.register(RegisterEventFD, unsafe.Pointer(&fd32), 1)
}

// RegisterEventFdAsync signals fd at each completion that did not come within its own submission.
func (ring *Ring) RegisterEventFdAsync(fd int) (uint, error) {
	fd32 := int32(fd)
	return ring.register(RegisterEventFDAsync, unsafe.Pointer(&fd32), 1)
}

// UnregisterEventFd ends the signals.
func (ring *Ring) UnregisterEventFd() (uint, error) { return ring.register(UnregisterEventFD, nil, 0) }

// RegisterPersonality keeps the caller's credentials under the returned id.
func (ring *Ring) RegisterPersonality() (uint, error) {
	return ring.register(RegisterPersonality, nil, 0)
}

// UnregisterPersonality forgets the credentials with that id.
func (ring *Ring) UnregisterPersonality(id uint) (uint, error) {
	return ring.register(UnregisterPersonality, nil, uint32(id))
}

// RegisterIOWQMaxWorkers sets the limits of bound and unbound workers, 0 leaving one as it is, and returns the former
// ones in val.
func (ring *Ring) RegisterIOWQMaxWorkers(val *[2]uint32) (uint, error) {
	return ring.register(RegisterIOWQMaxWorkers, unsafe.Pointer(val), 2)
}

// RegisterIOWQAff binds the workers to the CPUs of mask, bit n of word n/64.
func (ring *Ring) RegisterIOWQAff(mask []uint64) (uint, error) {
	return ring.register(RegisterIOWQAff, unsafe.Pointer(unsafe.SliceData(mask)), uint32(8*len(mask)))
}

// UnregisterIOWQAff ends the binding.
func (ring *Ring) UnregisterIOWQAff() (uint, error) { return ring.register(UnregisterIOWQAff, nil, 0) }

// RegisterSyncCancel cancels what reg describes and waits until it is gone. ENOENT says that nothing matched, ETIME
// that the timeout passed. A Timeout of {-1, -1} waits for ever.
func (ring *Ring) RegisterSyncCancel(reg *SyncCancelReg) (uint, error) {
	return ring.register(RegisterSyncCancel, unsafe.Pointer(reg), 1)
}

// RegisterSyncMsg sends a message prepared by PrepareMsgRing without a ring of one's own (6.13).
func RegisterSyncMsg(entry *SubmissionQueueEntry) error {
	_, _, errno := syscall.RawSyscall6(sysRegister, ^uintptr(0), uintptr(RegisterSendMsgRing),
		uintptr(unsafe.Pointer(entry)), 1, 0, 0)
	runtime.KeepAlive(entry)
	if errno != 0 {
		return errno
	}
	return nil
}

// RegisterProbe fills probe with the first nrOps operations.
func (ring *Ring) RegisterProbe(probe *Probe, nrOps int) (uint, error) {
	if nrOps < 0 || nrOps > probeOpsSize {
		return 0, syscall.EINVAL
	}
	return ring.register(RegisterProbe, unsafe.Pointer(probe), uint32(nrOps))
}

// GetProbeRing asks which operations the kernel knows.
func (ring *Ring) GetProbeRing() (*Probe, error) {
	probe := &Probe{}
	if _, err := ring.RegisterProbe(probe, probeOpsSize); err != nil {
		return nil, err
	}
	return probe, nil
}

// GetProbe is GetProbeRing with a ring of its own.
func GetProbe() (*Probe, error) {
	ring, err := CreateRing(2)
	if err != nil {
		return nil, err
	}
	defer ring.QueueExit()
	return ring.GetProbeRing()
}

// opSupported is IO_URING_OP_SUPPORTED.
const opSupported uint16 = 1 << 0

// IsSupported reports whether the kernel knows operation op.
func (p *Probe) IsSupported(op uint8) bool {
	return op <= p.LastOp && p.Ops[op].Flags&opSupported != 0
}
