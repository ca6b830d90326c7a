package steer

// Status is what is active, and why nothing better is.
type Status struct {
	Level Level  `json:"level"`         // the lowest of all portals'
	Why   string `json:"why,omitempty"` // why it is not Program

	XDP        bool     `json:"xdp"`                  // packets are moved on at least one interface
	XDPWhy     string   `json:"xdp_why,omitempty"`    // why not, or why not on all configured interfaces
	Interfaces []string `json:"interfaces,omitempty"` // on which packets are moved
	// Unsteered counts connections for which the XDP program has no entry, because there were MaxFlows already or the kernel
	// refused. Their packets are processed on the CPUs where they arrive.
	Unsteered uint64 `json:"unsteered,omitempty"`
}
