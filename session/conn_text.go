package session

// textConn has everything that a text exchange uses of its connection.
type textConn interface {
	// params returns the connection's parameters: an exchange may change MaxXmitDataSegmentLength.
	params() *ConnParams
	// memory allocates the data segment of a response from the host. It returns nil if there is none now.
	memory(n int) []byte
	newTTT() uint32
	asker() asker
}

// connText implements textConn for a connection.
type connText struct{ *Conn }

func (c connText) params() *ConnParams { return &c.cp }
func (c connText) memory(n int) []byte { return c.host.Memory(n) }
func (c connText) newTTT() uint32      { return c.ttt.next() }
func (c connText) asker() asker {
	return asker{node: c.node, sess: c.sess, local: c.cfg.Local, remote: c.cfg.Remote.Addr()}
}
