package session

import "sync"

// Session is one I_T nexus: (InitiatorName, ISID) and (TargetName, TPGT) (RFC 7143, 4.4.2). What was negotiated is fixed
// once it is in full feature phase.
type Session struct {
	InitiatorName string
	ISID          [6]byte
	TSIH          uint16
	Discovery     bool
	Target        *Target // nil in a discovery session
	TPGT          uint16
	Params        Params
	Owner         any // the host's I_T nexus

	node   *Node
	window Window

	mu    sync.Mutex // guards conns; taken at login, logout and for status only
	conns []*Conn

	ended []func() // who waits for its end; guarded by the registry
}

// Params is what holds for a whole session (RFC 7143, 13).
type Params struct {
	MaxConnections     uint32
	InitialR2T         bool
	ImmediateData      bool
	MaxBurstLength     uint32
	FirstBurstLength   uint32
	DefaultTime2Wait   uint16
	DefaultTime2Retain uint16
	MaxOutstandingR2T  uint32
	ErrorRecoveryLevel uint8
	ProtocolLevel      uint32 // iSCSIProtocolLevel (RFC 7144)
}

// ConnParams is what holds for one connection.
type ConnParams struct {
	HeaderDigest, DataDigest bool
	// MaxRecvDataSegmentLength is what we declared, MaxXmitDataSegmentLength what the initiator did.
	MaxRecvDataSegmentLength, MaxXmitDataSegmentLength uint32
}

// Conns is a snapshot of the session's connections, for status.
func (s *Session) Conns() []*Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*Conn(nil), s.conns...)
}

func (s *Session) join(c *Conn) {
	s.mu.Lock()
	s.conns = append(s.conns, c)
	s.mu.Unlock()
}

// leave takes a connection that is gone out of its session and reports whether it was the last: then the session is over,
// and the registry is to forget it once the host has dropped its nexus.
func (s *Session) leave(c *Conn) (last bool) {
	s.mu.Lock()
	for i, o := range s.conns {
		if o == c {
			s.conns = append(s.conns[:i], s.conns[i+1:]...)
			break
		}
	}
	last = len(s.conns) == 0
	s.mu.Unlock()
	return last
}
