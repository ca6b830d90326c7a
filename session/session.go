package session

import (
	"sync"
	"sync/atomic"
	"time"
)

// Session is one I_T nexus: (InitiatorName, ISID) and (TargetName, TPGT) (RFC 7143, 4.4.2). Its negotiated values are fixed
// once it is in full feature phase. Its connections (members.go) may be on different loops.
type Session struct {
	InitiatorName string
	Account       string // the CHAP account that logged it in, "" without CHAP: no other may join or replace it
	ISID          [6]byte
	TSIH          uint16
	Discovery     bool
	portal        string  // of an unnamed discovery session
	Target        *Target // nil in a discovery session
	TPGT          uint16
	Params        Params
	Since         time.Time // when its login was complete, on the wall clock

	node   *Node
	window Window
	// watchers counts the connections that have to be woken when ExpCmdSN advances: see Conn.watch.
	watchers atomic.Int32
	// functions counts the session's task management functions, up to maxFunctions.
	functions atomic.Int32

	mu sync.Mutex // guards what follows; taken at login, logout, task management and for status, never by a command
	members
	over chan struct{} // closed when the session is gone; nil if nobody waits for that

	ended []waiter // logins that wait for its end; guarded by the registry
}

// Params holds the negotiated values of a whole session (RFC 7143, 13).
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
	TaskReporting      TaskReporting
}

// TaskReporting is how the end of tasks is reported when several are aborted (RFC 7143, 13.23).
type TaskReporting uint8

const (
	ReportRFC3720   TaskReporting = iota
	ReportFence                   // ResponseFence: responses of task management are fenced (4.2.2.3.3)
	ReportFastAbort               // FastAbort: that, and 4.2.3.4
)

// ConnParams holds the negotiated values of one connection.
type ConnParams struct {
	HeaderDigest, DataDigest bool
	// MaxRecvDataSegmentLength is what we declared, MaxXmitDataSegmentLength what the initiator did.
	MaxRecvDataSegmentLength, MaxXmitDataSegmentLength uint32
}

// TargetName returns the name of the session's target, "" for a discovery session.
func (s *Session) TargetName() string {
	if s.Target == nil {
		return ""
	}
	return s.Target.Name
}

// Resize sets how many requests of the session may be unanswered, up to its target's Limits.Window. A host that is short of
// memory shrinks the window for a time. Any loop may call Resize.
func (s *Session) Resize(n int) {
	if s.window.Resize(min(n, s.Target.window())) {
		s.each(nil, Message{kind: messageWindow})
	}
}
