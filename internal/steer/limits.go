package steer

// Limits, each with its reason.
const (
	// MaxInitiators bounds the initiator addresses whose turns are remembered: more than the hosts of a storage network.
	// The one not seen for longest makes room, and starts again like a new one: an initiator that comes back, or a
	// flood of invented addresses, costs exactness and nothing else. 1.4 MiB, taken at once.
	MaxInitiators = 1 << 14

	// MaxFlows bounds the connections that the XDP program knows: four loops at the engine's limit of connections a loop.
	// 1 MiB at once, and about 100 bytes for each in use. A connection beyond is served, but not steered.
	MaxFlows = 1 << 16

	// cpuQueue bounds the packets that wait for a CPU. The kernel thread there takes them in batches of 8; what finds
	// the queue full is lost, and TCP sends it again. 32 KiB a CPU; the kernel allows 16384.
	cpuQueue = 4096
)
