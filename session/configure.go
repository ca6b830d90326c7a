package session

// NodeConfig applies to all targets of a Node. Zero values mean the defaults of limits.go. If NOPInterval is negative, silent
// initiators are sent no NOP-In.
type NodeConfig struct {
	LoginTimeout, NOPInterval, NOPTimeout, DataTimeout int64 // ns
	DiscoveryAuth                                      Auth  // for discovery sessions
	// StrictLogin refuses every login that declares a key twice (RFC 7143, 6.3): see loginExchange.repeats.
	StrictLogin bool
}

// filled returns a copy with the defaults filled in.
func (cfg NodeConfig) filled() *NodeConfig {
	if cfg.LoginTimeout == 0 {
		cfg.LoginTimeout = loginTimeout
	}
	if cfg.NOPInterval == 0 {
		cfg.NOPInterval = nopInterval
	}
	cfg.NOPInterval = max(cfg.NOPInterval, 0)
	if cfg.NOPTimeout == 0 {
		cfg.NOPTimeout = nopTimeout
	}
	if cfg.DataTimeout == 0 {
		cfg.DataTimeout = dataTimeout
	}
	return &cfg
}

// Configure replaces the node's configuration. Connections in full feature phase use the new times at once. A login in progress
// keeps its deadline and its strictness, but a discovery login must satisfy the new DiscoveryAuth before it is granted. Discovery
// sessions that are up stay.
func (n *Node) Configure(cfg NodeConfig) {
	n.reg.mu.Lock()
	n.cfg.Store(cfg.filled())
	n.reg.mu.Unlock()
	for _, s := range n.reg.all() {
		s.each(nil, Message{kind: messageConfigure})
	}
}

func (n *Node) config() *NodeConfig { return n.cfg.Load() }

// configure takes over the node's times. A login in progress does so in grant.
func (c *Conn) configure(now int64) {
	if !c.fullFeature() {
		return
	}
	cfg := c.node.config()
	c.nop.configure(now, cfg)
	c.data.configure(now, cfg.DataTimeout)
}
