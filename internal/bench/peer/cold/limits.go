package cold

import "time"

// Every bound, with its reason.
const (
	// window is how many commands a session may have unanswered: as many as ringtgt grants. A batch has room for all of them.
	window = 128
	// maxData is the most data of a PDU, both ways: the initiator's own limit, and the segments and bursts that ringtgt offers.
	maxData = 256 << 10
	// blockLen is the disk's logical block length.
	blockLen = 512
	// maxMemory bounds the disk.
	maxMemory = 16 << 30

	// recvBuffers × recvBufferSize is what one turn can receive. The buffers are few, to stay in the cache.
	recvBuffers    = 128
	recvBufferSize = 32 << 10
	// directMin: if so much of a payload is missing, it is received straight into the disk.
	directMin = 16 << 10
	// sendBuffer is SO_SNDBUF, which the kernel doubles: a larger one leaves the second-level cache (engine/limits.go).
	sendBuffer = 512 << 10

	// batchesAtOnce is how many batches are mapped at a time.
	batchesAtOnce = 16
	// maxConns bounds the connections.
	maxConns = 1 << 14
	// maxPoll bounds -poll: nothing that is measured waits so long.
	maxPoll = time.Second
	// listenerFD is the first descriptor that exec.Cmd.ExtraFiles hands over.
	listenerFD = 3
)
