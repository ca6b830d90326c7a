package initiator

import (
	"context"
	"crypto/rand"
	"net"

	"github.com/ringtgt/ringtgt/bench/initiator/proto"
	"github.com/ringtgt/ringtgt/pdu"
)

// These types are package proto's, which documents their fields and methods.
type (
	Command     = proto.Command
	Result      = proto.Result
	Keys        = proto.Keys
	CHAP        = proto.CHAP
	Params      = proto.Params
	LoginError  = proto.LoginError
	KeyError    = proto.KeyError
	StatusError = proto.StatusError
	RejectError = proto.RejectError
	LogoutError = proto.LogoutError
)

// Values of the keys that are Yes, No or left alone.
const (
	Default = proto.Default
	Yes     = proto.Yes
	No      = proto.No
)

// Kinds of commands.
const (
	KindSCSI   = proto.KindSCSI
	KindTMF    = proto.KindTMF
	KindPing   = proto.KindPing
	KindText   = proto.KindText
	KindLogout = proto.KindLogout
)

// Why a command ended without an answer.
var (
	ErrConnLost   = proto.ErrConnLost
	ErrLoggedOut  = proto.ErrLoggedOut
	ErrAborted    = proto.ErrAborted
	ErrTerminated = proto.ErrTerminated
	ErrUsage      = proto.ErrUsage
)

// Config describes a session. Portals, InitiatorName and, unless Discovery is set, TargetName are needed; the rest may stay
// zero.
type Config struct {
	// Portals are HOST:PORT; connection i goes to Portals[i%len].
	Portals []string

	TargetName, InitiatorName string
	// ISID is the initiator's part of the session identifier (RFC 7143,
	// 11.12.5). The same ISID again reinstates the session (6.3.5).
	ISID [6]byte
	// Connections is how many are wanted, 1 to 64; 0 is 1.
	Connections int
	// Keys is what is offered. MaxConnections is set from Connections unless it is larger.
	Keys Keys
	CHAP CHAP
	// FirstCmdSN is the CmdSN of the leading login and of the first non-immediate command (4.2.2.1).
	FirstCmdSN uint32
	// Discovery makes a discovery session (4.3).
	Discovery bool

	// Tasks is how many commands of a connection may be outstanding, at most 4096; 0 is 1024. More wait.
	Tasks int
	// OnAsync is called with each Asynchronous Message before the session acts on it (11.9.1). It runs on the connection's
	// reader and must not wait for the session.
	OnAsync func(Async)
	// Dialer makes the connections; nil is TCP.
	Dialer func(ctx context.Context, portal string) (net.Conn, error)
}

// Async is an Asynchronous Message (11.9).
type Async struct {
	CID     uint16 // of the connection that it came on
	Message pdu.AsyncMessage
	Data    []byte // SCSI sense with its length, or vendor data
}

// Violation describes a breach of the standard by the target.
type Violation struct {
	CID  uint16
	Text string
}

func (v Violation) String() string { return v.Text }

// login returns the login of one connection.
func (c *Config) login(tsih, cid uint16) proto.LoginConfig {
	keys := c.Keys
	keys.MaxConnections = max(keys.MaxConnections, c.Connections, 1)
	return proto.LoginConfig{
		InitiatorName: c.InitiatorName, TargetName: c.TargetName, ISID: c.ISID,
		TSIH: tsih, CID: cid, Discovery: c.Discovery, CHAP: c.CHAP, Keys: keys,
		Rand: func(b []byte) { _, _ = rand.Read(b) }, // it never fails
	}
}
