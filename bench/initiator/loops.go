package initiator

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/ringtgt/ringtgt/bench/initiator/proto"
)

// LoopsConfig describes sessions whose connections are driven by io_uring loops.
type LoopsConfig struct {
	// A few sessions are dialled one after the other, many up to 32 at a time; the connections of each one after another. Their ISIDs
	// or names differ.
	Sessions []Config
	// CPUs has one entry for each loop: the CPU that its thread is pinned to, or -1. Empty means one loop, not pinned.
	CPUs []int
}

// Loops drives the connections of many sessions from a few threads, each with its own ring, for load. Connections are
// assigned to the loops in turn, session by session, so a session with one connection per loop is on all of them. Between runs
// the target's pings are answered too: after a second without a run, the loops wait on their connections in the background
// until the next one.
type Loops struct {
	sessions []*Session
	conns    []*loopConn
	cpus     []int
	running  atomic.Bool
	keeper   keeper
	last     *Workload // the last run's, for ReadBack
}

// NewLoops logs the sessions in, several at a time. If ctx ends or a login fails, it returns soon after, with the first error,
// and leaves no session behind.
func NewLoops(ctx context.Context, cfg LoopsConfig) (*Loops, error) {
	if len(cfg.Sessions) == 0 {
		return nil, fmt.Errorf("%w: no session", ErrUsage)
	}
	ls := &Loops{cpus: cfg.CPUs, sessions: make([]*Session, len(cfg.Sessions))}
	if len(ls.cpus) == 0 {
		ls.cpus = []int{-1}
	}
	dialed, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	conns := make([][]*loopConn, len(cfg.Sessions))
	most := maxLogins
	if len(cfg.Sessions) <= inTurn {
		most = 1
	}
	severally(len(cfg.Sessions), most, func(i int) {
		if dialed.Err() != nil {
			return
		}
		var err error
		if ls.sessions[i], conns[i], err = dialForLoops(dialed, cfg.Sessions[i]); err != nil {
			cancel(fmt.Errorf("initiator: session %d: %w", i, err)) // the first one counts
		}
	})
	for i := range conns { // in their order, whichever was first
		for _, c := range conns[i] {
			c.session, c.sessionIndex, c.index = ls.sessions[i], i, len(ls.conns)
			c.shares = len(conns[i]) > 1
			c.loopIndex = c.index % len(ls.cpus)
			ls.conns = append(ls.conns, c)
		}
	}
	ls.keeper.loops = ls
	if dialed.Err() != nil {
		err := context.Cause(dialed)
		if ctx.Err() != nil {
			err = fmt.Errorf("initiator: sessions: %w", ctx.Err())
		}
		ls.Close()
		return nil, err
	}
	ls.keeper.resume()
	return ls, nil
}

// severally calls do with 0 to n-1, so many at a time, and waits for all of them.
func severally(n, most int, do func(i int)) {
	var next atomic.Int64
	var done sync.WaitGroup
	for range min(most, n) {
		done.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	done.Wait()
}

// dialForLoops makes a session whose connections have logged in and have no thread yet. With an error it returns those that
// it has made, to be closed.
func dialForLoops(ctx context.Context, cfg Config) (*Session, []*loopConn, error) {
	var conns []*loopConn
	var failed error
	s, err := dial(ctx, cfg, func(cid uint16, nc net.Conn, pc proto.Config) {
		fd, err := takeSocket(nc)
		if err != nil {
			failed = err
			return
		}
		c := &loopConn{cid: cid, fd: fd, numbers: pc.Numbers}
		pc.Handler = c
		c.p = proto.NewConn(pc)
		conns = append(conns, c)
	})
	if err == nil {
		err = failed
	}
	return s, conns, err
}

// takeSocket takes the socket from the Go runtime and makes it blocking: io_uring waits for such sockets by itself, and
// completes at once with EAGAIN on others.
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

// Sessions returns the sessions, to read what they negotiated and their Violations. The loops own the connections: no command
// can be submitted to them.
func (ls *Loops) Sessions() []*Session { return ls.sessions }

// Connections returns how many connections all sessions have.
func (ls *Loops) Connections() int { return len(ls.conns) }

// Probe reads the capacity of a LUN over a session that it opens and closes for that, and stores it in w.
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
