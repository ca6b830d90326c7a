package session

// connText is a connection as its text exchange uses it: the methods of textConn, and no others.
type connText struct{ *Conn }

func (c connText) params() *ConnParams { return &c.cp }
func (c connText) memory(n int) []byte { return c.host.Memory(n) }
func (c connText) newTTT() uint32      { return c.ttt.next() }
func (c connText) asker() asker {
	return asker{node: c.node, sess: c.sess, local: c.cfg.Local, remote: c.cfg.Remote.Addr()}
}
