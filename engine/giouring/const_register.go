package giouring

// Commands of io_uring_register(2).
const (
	RegisterBuffers uint32 = iota
	UnregisterBuffers
	RegisterFiles
	UnregisterFiles
	RegisterEventFD
	UnregisterEventFD
	RegisterFilesUpdate
	RegisterEventFDAsync
	RegisterProbe
	RegisterPersonality
	UnregisterPersonality
	RegisterRestrictions
	RegisterEnableRings
	RegisterFiles2
	RegisterFilesUpdate2
	RegisterBuffers2
	RegisterBuffersUpdate
	RegisterIOWQAff
	UnregisterIOWQAff
	RegisterIOWQMaxWorkers
	RegisterRingFDs        // 5.18
	UnregisterRingFDs      // 5.18
	RegisterPbufRing       // 5.19
	UnregisterPbufRing     // 5.19
	RegisterSyncCancel     // 6.0
	RegisterFileAllocRange // 6.0
	RegisterPbufStatus     // 6.8
	RegisterNAPI           // 6.9
	UnregisterNAPI         // 6.9
	RegisterClock          // 6.12
	RegisterCloneBuffers   // 6.12
	RegisterSendMsgRing    // 6.13
	RegisterZCRXIfq        // 6.15
	RegisterResizeRings    // 6.13
	RegisterMemRegion      // 6.13
	RegisterQuery          // 6.18

	RegisterLast

	// RegisterUseRegisteredRing is or-ed to the command when the descriptor is a registered index (6.3).
	RegisterUseRegisteredRing uint32 = 1 << 31
)

// RegisterFilesSkip in a list of descriptors leaves that slot as it is.
const RegisterFilesSkip int32 = -2

// RsrcRegisterSparse registers an empty table (5.19).
const RsrcRegisterSparse uint32 = 1 << 0

// Flags of BufReg.
const (
	PbufRingMMap uint16 = 1 << iota // the kernel allocates the ring's memory
	PbufRingInc                     // 6.12: buffers are used up piece by piece
)

// Kinds of workers for RegisterIOWQMaxWorkers.
const (
	IOWQBound uint = iota
	IOWQUnbound
)

// Kinds of Restriction.
const (
	RestrictionRegisterOp uint32 = iota
	RestrictionSQEOp
	RestrictionSQEFlagsAllowed
	RestrictionSQEFlagsRequired

	RestrictionLast
)

// What a Ring remembers about its own descriptor.
const (
	IntFlagRegRing    uint8 = 1 // enter by registered index
	IntFlagRegRegRing uint8 = 2 // register by registered index
)
