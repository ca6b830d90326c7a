package steer

// Limits, each with its reason.
const (
	// MaxInitiators bounds the initiator addresses whose turns are remembered: more than the hosts of a storage network.
	// The least recently seen one is evicted, and starts again like a new one: an initiator that returns, or a flood of
	// forged addresses, only makes the distribution less even. The map takes 1.4 MiB, allocated at once.
	MaxInitiators = 1 << 14

	// MaxFlows bounds the connections that the XDP program steers: four loops at the engine's limit of connections per loop.
	// The map takes 1 MiB at once, and about 100 bytes for each entry in use. Further connections are served, but not steered.
	MaxFlows = 1 << 16

	// cpuQueue bounds the packets that wait for a CPU. The kernel thread there takes them in batches of 8; a packet that finds
	// the queue full is lost, and TCP retransmits it. 32 KiB per CPU; the kernel allows 16384.
	cpuQueue = 4096
)
