package initiator

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/ringtgt/ringtgt/bench/initiator/proto"
	"github.com/ringtgt/ringtgt/pdu"
)

// Errors of a session.
var (
	// ErrNoConn: the session has no such connection.
	ErrNoConn = errors.New("initiator: no such connection")
	// ErrSessionLost: the target does not know the session any more.
	ErrSessionLost = errors.New("initiator: session lost")
)

// Session is one iSCSI session with one or more connections. Its methods may be called by any goroutine.
type Session struct {
	// Granted is how many connections Dial made: what was asked for, or what the target grants.
	Granted int

	cfg    Config
	n      proto.Numbers
	params Params
	tsih   uint16

	leaving atomic.Bool // a session logout was submitted

	// handOver, where it is set, takes the connections in place of the goroutine driver.
	handOver func(cid uint16, nc net.Conn, cfg proto.Config)

	mu      sync.Mutex
	conns   map[uint16]*conn
	lost    map[uint16]*loss
	ordinal int
	readers sync.WaitGroup

	witness witness
}

// witness collects the violations.
type witness struct {
	mu   sync.Mutex
	list []Violation
}

func (w *witness) add(cid uint16, format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.list) < maxViolations {
		w.list = append(w.list, Violation{CID: cid, Text: fmt.Sprintf("CID %d: ", cid) + fmt.Sprintf(format, args...)})
	}
}

// Dial makes a session: the leading login on CID 0, then joins on CIDs 1 and up. If the target grants fewer connections than
// Config.Connections it makes those and says so in Granted. A refused login is a *LoginError.
func Dial(ctx context.Context, cfg Config) (*Session, error) { return dial(ctx, cfg, nil) }

func dial(ctx context.Context, cfg Config, handOver func(uint16, net.Conn, proto.Config)) (*Session, error) {
	if len(cfg.Portals) == 0 || cfg.InitiatorName == "" || cfg.TargetName == "" && !cfg.Discovery {
		return nil, fmt.Errorf("%w: Portals, InitiatorName and TargetName are needed", ErrUsage)
	}
	if cfg.Connections < 0 || cfg.Connections > proto.MaxConnections || cfg.Tasks < 0 || cfg.Tasks > proto.MaxTasks {
		return nil, fmt.Errorf("%w: Connections or Tasks out of range", ErrUsage)
	}
	if cfg.Dialer == nil {
		cfg.Dialer = func(ctx context.Context, portal string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", portal)
		}
	}
	s := &Session{cfg: cfg, conns: map[uint16]*conn{}, lost: map[uint16]*loss{}, handOver: handOver}
	s.n.Init(cfg.FirstCmdSN)
	nc, login, err := s.connect(ctx, 0, cfg.Portals[0], 0)
	if err != nil {
		return nil, err
	}
	s.params, s.tsih = login.Params, login.TSIH
	s.add(0, nc, login)
	s.Granted = min(max(cfg.Connections, 1), s.params.MaxConnections)
	for cid := 1; cid < s.Granted; cid++ {
		if err := s.Join(ctx, uint16(cid), ""); err != nil {
			s.Close()
			return nil, fmt.Errorf("initiator: connection %d: %w", cid, err)
		}
	}
	return s, nil
}

// connect makes a transport connection and logs it in. With TSIH 0 it is the leading one.
func (s *Session) connect(ctx context.Context, cid uint16, portal string, expStatSN uint32) (net.Conn, *proto.Login, error) {
	nc, err := s.cfg.Dialer(ctx, portal)
	if err != nil {
		return nil, nil, err
	}
	lc := s.cfg.login(s.tsih, cid)
	lc.CmdSN, lc.ExpStatSN, lc.Params = s.n.CmdSN(), expStatSN, s.params
	login, err := logIn(ctx, nc, lc, func(format string, args ...any) { s.witness.add(cid, format, args...) })
	if err != nil {
		return nil, nil, err
	}
	s.n.Update(login.ExpCmdSN, login.MaxCmdSN)
	return nc, login, nil
}

// Join adds a connection to the session (RFC 7143, 4.2.1). With a CID that is in use it reinstates that connection: the old one
// and its tasks are over (6.3.4). An empty portal is that of Config.
func (s *Session) Join(ctx context.Context, cid uint16, portal string) error {
	if portal == "" {
		portal = s.cfg.Portals[int(cid)%len(s.cfg.Portals)]
	}
	s.mu.Lock()
	old := s.conns[cid]
	var exp uint32
	if old != nil {
		exp = old.expStatSN()
	} else if l := s.lost[cid]; l != nil {
		exp = l.expStatSN
	}
	s.mu.Unlock()
	nc, login, err := s.connect(ctx, cid, portal, exp)
	if err != nil {
		return err
	}
	if old != nil {
		old.lose(ErrConnLost)
	}
	s.add(cid, nc, login)
	s.wake()
	return nil
}

// add begins the full feature phase of a connection.
func (s *Session) add(cid uint16, nc net.Conn, login *proto.Login) {
	c := &conn{s: s, cid: cid, nc: nc, kick: make(chan struct{}, 1), gone: make(chan struct{})}
	s.mu.Lock()
	cfg := proto.Config{
		Numbers: &s.n, Params: login.Params, Handler: c, Ordinal: s.ordinal, Tasks: s.cfg.Tasks, StatSN: login.StatSN,
	}
	s.ordinal++
	if s.handOver != nil {
		s.mu.Unlock()
		s.handOver(cid, nc, cfg)
		return
	}
	c.p = proto.NewConn(cfg)
	s.conns[cid] = c
	s.readers.Add(2)
	s.mu.Unlock()
	go c.read()
	go c.write()
}

// conn returns a live connection.
func (s *Session) conn(cid uint16) (*conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.conns[cid]; c != nil {
		return c, nil
	}
	if s.lost[cid] != nil {
		return nil, ErrConnLost
	}
	return nil, ErrNoConn
}

// all returns the live connections in the order of their CIDs.
func (s *Session) all() []*conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := slices.Collect(maps.Values(s.conns))
	slices.SortFunc(list, func(a, b *conn) int { return int(a.cid) - int(b.cid) })
	return list
}

// CIDs returns the connections that are up, in order.
func (s *Session) CIDs() []uint16 {
	var ids []uint16
	for _, c := range s.all() {
		ids = append(ids, c.cid)
	}
	return ids
}

// wake has every connection look at the window again.
func (s *Session) wake() {
	for _, c := range s.all() {
		c.wake()
	}
}

// TSIH returns the target's handle of the session.
func (s *Session) TSIH() uint16 { return s.tsih }

// Params returns what the leading login negotiated.
func (s *Session) Params() Params { return s.params }

// CmdSN returns the number that the next non-immediate command gets, ExpCmdSN and MaxCmdSN what the target stated.
func (s *Session) CmdSN() uint32    { return s.n.CmdSN() }
func (s *Session) ExpCmdSN() uint32 { return s.n.ExpCmdSN() }
func (s *Session) MaxCmdSN() uint32 { return s.n.MaxCmdSN() }

// Reserve takes k consecutive CmdSNs and returns the first. Each must be sent by a Command with Numbered, in any order and on
// any connection: until then it is a hole that holds up the session.
func (s *Session) Reserve(k int) uint32 { return s.n.Reserve(uint32(k)) }

// Violations returns every breach of the standard by the target.
func (s *Session) Violations() []Violation {
	s.witness.mu.Lock()
	defer s.witness.mu.Unlock()
	return slices.Clone(s.witness.list)
}

// Close drops every connection without a logout and waits until the session
// uses no resources any more. Commands end with ErrConnLost.
func (s *Session) Close() {
	for _, c := range s.all() {
		c.lose(ErrConnLost)
	}
	s.readers.Wait()
}

// closed ends every connection after a logout of the session.
func (s *Session) closed() {
	for _, c := range s.all() {
		c.lose(ErrLoggedOut)
	}
}

// terminate ends the tasks that a task management function of ours was carried out on (11.6.1): no answer to them will come.
// Data that is under way on other connections may.
func (s *Session) terminate(f *Command) {
	var affected func(*Command) bool
	before := func(cmd *Command) bool {
		return pdu.SNLess(cmd.Result.CmdSN, f.Result.CmdSN) || cmd.Immediate && cmd.Result.CmdSN == f.Result.CmdSN
	}
	switch f.Function {
	case pdu.TMFAbortTask:
		affected = func(cmd *Command) bool { return cmd.Result.ITT == f.RefITT }
	case pdu.TMFAbortTaskSet, pdu.TMFClearTaskSet, pdu.TMFLogicalUnitReset:
		affected = func(cmd *Command) bool { return cmd.LUN == f.LUN && before(cmd) }
	case pdu.TMFTargetWarmReset, pdu.TMFTargetColdReset, pdu.TMFITNexusReset:
		affected = before
	default:
		return
	}
	for _, c := range s.all() {
		c.terminate(c.cid != f.Conn, affected)
	}
}
