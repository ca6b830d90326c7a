package steer

// Status says what is active, and why nothing better is.
type Status struct {
	Level Level  `json:"level"`         // the least of all portals'
	Why   string `json:"why,omitempty"` // why it is not Program

	XDP        bool     `json:"xdp"`                  // packets are moved on at least one interface
	XDPWhy     string   `json:"xdp_why,omitempty"`    // why not, or why not on all that were asked for
	Interfaces []string `json:"interfaces,omitempty"` // on which packets are moved
	// Unsteered counts connections that the XDP program was not told of, as MaxFlows were there already or the kernel
	// refused; they are served where their packets arrive.
	Unsteered uint64 `json:"unsteered,omitempty"`
}
