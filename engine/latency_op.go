package engine

// Operation is the kind of a command in latency statistics.
type Operation uint8

const (
	OperationRead Operation = iota
	OperationWrite
	OperationFlush
	OperationUnmap
	OperationOther
	NumOperations
)

// String is the operation's name in status and in metrics.
func (o Operation) String() string {
	return [NumOperations]string{"read", "write", "flush", "unmap", "other"}[o]
}

// OperationOf returns the kind of the commands with an operation code (SPC-4 6, SBC-3 5). Commands that transfer the medium's
// blocks to or from the initiator count as reads or writes; VERIFY, for example, does not.
func OperationOf(code byte) Operation {
	switch code {
	case 0x08, 0x28, 0xA8, 0x88: // READ (6), (10), (12), (16)
		return OperationRead
	case 0x0A, 0x2A, 0xAA, 0x8A, // WRITE (6), (10), (12), (16)
		0x2E, 0xAE, 0x8E, // WRITE AND VERIFY (10), (12), (16)
		0x41, 0x93, // WRITE SAME (10), (16)
		0x8B, 0x89, 0x9C: // ORWRITE (16), COMPARE AND WRITE, WRITE ATOMIC (16)
		return OperationWrite
	case 0x35, 0x91: // SYNCHRONIZE CACHE (10), (16)
		return OperationFlush
	case 0x42: // UNMAP
		return OperationUnmap
	}
	return OperationOther
}
