package initiator

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/ringtgt/ringtgt/bench/initiator/proto"
	"github.com/ringtgt/ringtgt/pdu"
)

// LoopsConfig describes sessions whose connections are driven by io_uring loops.
type LoopsConfig struct {
	// Sessions are dialled one after another; their ISIDs or names differ.
	Sessions []Config
	// CPUs has one entry for each loop: the CPU that its thread is pinned to, or -1. Empty is one loop, not pinned.
	CPUs []int
}

// Loops drives the connections of some sessions from a few threads, each with a ring of its own, for load. Connections
// are dealt out to the loops in turn, session by session, so that a session of as many connections as there are loops is
// on all of them. Between runs nobody answers the target's pings: run soon, close soon.
type Loops struct {
	sessions []*Session
	conns    []*loopConn
	cpus     []int
	running  atomic.Bool
}

// NewLoops makes the sessions.
func NewLoops(ctx context.Context, cfg LoopsConfig) (*Loops, error) {
	if len(cfg.Sessions) == 0 {
		return nil, fmt.Errorf("%w: no session", ErrUsage)
	}
	ls := &Loops{cpus: cfg.CPUs}
	if len(ls.cpus) == 0 {
		ls.cpus = []int{-1}
	}
	for i, sc := range cfg.Sessions {
		var failed error
		s, err := dial(ctx, sc, func(cid uint16, nc net.Conn, pc proto.Config) {
			fd, err := takeSocket(nc)
			if err != nil {
				failed = err
				return
			}
			ls.adopt(i, cid, fd, pc)
		})
		if err == nil {
			err = failed
		}
		if err != nil {
			ls.Close()
			return nil, fmt.Errorf("initiator: session %d: %w", i, err)
		}
		for _, c := range ls.conns {
			if c.sessionIndex == i {
				c.session = s
			}
		}
		ls.sessions = append(ls.sessions, s)
	}
	return ls, nil
}

// adopt takes a connection that has logged in.
func (ls *Loops) adopt(session int, cid uint16, fd int, pc proto.Config) {
	c := &loopConn{sessionIndex: session, cid: cid, fd: fd, index: len(ls.conns), numbers: pc.Numbers}
	c.loopIndex = c.index % len(ls.cpus)
	pc.Handler = c
	c.p = proto.NewConn(pc)
	ls.conns = append(ls.conns, c)
}

// takeSocket takes the socket out of the runtime's hands. It is made blocking: io_uring waits for such sockets by itself,
// and completes at once with EAGAIN on others.
func takeSocket(nc net.Conn) (int, error) {
	tcp, ok := nc.(*net.TCPConn)
	if !ok {
		return -1, fmt.Errorf("%w: loops drive TCP connections", ErrUsage)
	}
	defer tcp.Close()
	raw, err := tcp.SyscallConn()
	if err != nil {
		return -1, err
	}
	fd := -1
	if cerr := raw.Control(func(old uintptr) {
		if fd, err = syscall.Dup(int(old)); err == nil {
			syscall.CloseOnExec(fd)
			err = syscall.SetNonblock(fd, false)
		}
	}); cerr != nil {
		err = cerr
	}
	if err != nil && fd >= 0 {
		_ = syscall.Close(fd)
	}
	return fd, err
}

// Sessions returns the sessions, for what they negotiated and their Violations. Their connections are the loops': no
// command can be submitted to them.
func (ls *Loops) Sessions() []*Session { return ls.sessions }

// Connections returns how many connections all sessions have.
func (ls *Loops) Connections() int { return len(ls.conns) }

// Probe asks for the capacity of a LUN, by a session of its own that lasts only for that, and so completes a Workload.
func (ls *Loops) Probe(ctx context.Context, w *Workload) error {
	cfg := ls.sessions[0].cfg
	cfg.Connections, cfg.FirstCmdSN = 1, 1
	cfg.ISID[1] ^= 0xff
	s, err := Dial(ctx, cfg)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.Ready(ctx, 0, w.LUN); err != nil {
		return err
	}
	if w.Capacity, w.BlockLen, err = s.Capacity(ctx, 0, w.LUN); err != nil {
		return err
	}
	return s.Logout(ctx)
}

// Run carries out a workload on all connections and reports. Only what prevents the run is an error; what the target
// answers is in the Report. When ctx ends, the run does.
func (ls *Loops) Run(ctx context.Context, w Workload) (*Report, error) {
	if !ls.running.CompareAndSwap(false, true) {
		return nil, fmt.Errorf("%w: a run is under way", ErrUsage)
	}
	defer ls.running.Store(false)
	if w.Capacity == 0 || w.BlockLen == 0 {
		if err := ls.Probe(ctx, &w); err != nil {
			return nil, err
		}
	}
	w.defaults()
	if err := w.check(); err != nil {
		return nil, err
	}
	loops := make([]*loop, len(ls.cpus))
	for i := range loops {
		loops[i] = &loop{index: i, cpu: ls.cpus[i], w: &w}
	}
	for _, c := range ls.conns {
		if c.dead != nil {
			return nil, fmt.Errorf("initiator: session %d, CID %d is gone: %w", c.sessionIndex, c.cid, c.dead)
		}
		c.loop = loops[c.loopIndex]
		c.loop.conns = append(c.loop.conns, c)
		c.report = ConnReport{Session: c.sessionIndex, Loop: c.loopIndex, CID: c.cid}
		c.gen = newGenerator(&w, c.index, len(ls.conns))
	}
	var stop atomic.Bool
	end := context.AfterFunc(ctx, func() { stop.Store(true) })
	defer end()
	var ready, done sync.WaitGroup
	begin := make(chan struct{})
	ready.Add(len(loops))
	errs := make([]error, len(loops))
	started := time.Now()
	for i, l := range loops {
		l.peers, l.stop, l.begin, l.started = loops, &stop, begin, started
		done.Go(func() { errs[i] = l.run(&ready) })
	}
	ready.Wait() // every ring is there before anybody wakes another
	close(begin)
	done.Wait()
	r := &Report{}
	for _, l := range loops {
		r.Loops = append(r.Loops, l.report)
		r.Elapsed = max(r.Elapsed, time.Duration(l.lastCounted-l.countFrom))
	}
	for _, c := range ls.conns {
		c.report.WindowClosed = c.p.Counts().WindowClosed - c.closedBefore
		r.Conns = append(r.Conns, c.report)
	}
	return r, errors.Join(errs...)
}

// Close logs the sessions out, as far as they are up, and closes the connections.
func (ls *Loops) Close() {
	for i := range ls.sessions {
		for _, c := range ls.conns {
			if c.sessionIndex == i && c.dead == nil {
				c.logOut()
				break
			}
		}
	}
	for _, c := range ls.conns {
		if c.fd >= 0 {
			_ = syscall.Close(c.fd)
			c.fd = -1
		}
	}
}

// logOut closes the session by a logout on c, with plain system calls: a peer that does not answer within a second is
// left.
func (c *loopConn) logOut() {
	tv := syscall.Timeval{Sec: 1}
	_ = syscall.SetsockoptTimeval(c.fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &tv)
	_ = syscall.SetsockoptTimeval(c.fd, syscall.SOL_SOCKET, syscall.SO_SNDTIMEO, &tv)
	over := false
	cmd := &Command{Kind: KindLogout, Reason: pdu.LogoutCloseSession, Immediate: true, Done: func(*Command) { over = true }}
	if c.p.Submit(cmd) != nil {
		return
	}
	sink := proto.NewSink(make([]byte, loopSendBuffer), 8, -1)
	buf := make([]byte, 4096)
	for !over {
		c.p.Fill(sink, 0)
		for _, b := range sink.Pieces() {
			if n, err := syscall.Write(c.fd, b); err != nil || n < len(b) {
				return
			}
		}
		sink.Reset()
		n, err := syscall.Read(c.fd, buf)
		if err != nil || n <= 0 || c.p.Feed(buf[:n], 0) != nil {
			return
		}
		c.settle()
	}
}
