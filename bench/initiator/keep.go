package initiator

import (
	"context"
	"fmt"
	"sync"
	"syscall"
	"time"

	"github.com/ringtgt/ringtgt/bench/initiator/proto"
	"github.com/ringtgt/ringtgt/pdu"
)

// Idle keeps all connections up for d and sends nothing but answers to the target, mostly to its pings. The loops sleep
// meanwhile. The error says that a connection was lost, or is that of ctx.
func (ls *Loops) Idle(ctx context.Context, d time.Duration) error {
	if err := ls.enter(); err != nil {
		return err
	}
	defer ls.running.Store(false)
	if d <= 0 {
		return fmt.Errorf("%w: idle for %v", ErrUsage, d)
	}
	ls.keeper.pause()
	defer ls.keeper.resume()
	return ls.idle(ctx, d)
}

func (ls *Loops) idle(ctx context.Context, d time.Duration) error {
	w := Workload{Duration: d, Depth: 1, BlockSize: defaultBlockSize, Last: defaultBlockSize, BlockLen: 512, Capacity: defaultBlockSize / 512, idle: true}
	_, err := ls.execute(ctx, &w)
	if err == nil {
		err = ctx.Err()
	}
	return err
}

// keeper runs idle between runs.
type keeper struct {
	loops *Loops
	mu    sync.Mutex
	timer *time.Timer
	stop  context.CancelFunc
	done  chan struct{} // closed when nothing is running
}

// resume begins to keep the connections up, if nothing else happens for a while.
func (k *keeper) resume() {
	k.mu.Lock()
	defer k.mu.Unlock()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	k.stop, k.done = stop, done
	k.timer = time.AfterFunc(keepAfter, func() {
		defer close(done)
		for ctx.Err() == nil && k.loops.idle(ctx, keepFor) == nil { // what is lost, the next run reports
		}
	})
}

// pause stops that, and returns once no thread uses the connections.
func (k *keeper) pause() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.timer == nil {
		return
	}
	k.stop()
	if !k.timer.Stop() {
		<-k.done
	}
	k.timer = nil
}

// Close logs out the sessions that are still up, and closes the connections. It does not wait for a target that does not
// answer.
func (ls *Loops) Close() {
	ls.keeper.pause()
	var first []*loopConn // of each session: its logout is the session's
	for _, c := range ls.conns {
		if c.dead == nil && (len(first) == 0 || c.session != first[len(first)-1].session) {
			first = append(first, c)
		}
	}
	until := time.Now().Add(closeTimeout)
	severally(len(first), maxLogins, func(i int) { first[i].logOut(until) })
	for _, c := range ls.conns {
		if c.fd >= 0 {
			_ = syscall.Close(c.fd)
			c.fd = -1
		}
	}
}

// logOut closes the session by a logout on c, with plain system calls.
func (c *loopConn) logOut(until time.Time) {
	over := false
	cmd := &Command{Kind: KindLogout, Reason: pdu.LogoutCloseSession, Immediate: true, Done: func(*Command) { over = true }}
	if c.p.Submit(cmd) != nil {
		return
	}
	sink := proto.NewSink(make([]byte, 8<<10), 8, -1)
	buf := make([]byte, 4096)
	for !over {
		left := time.Until(until)
		if left <= 0 {
			return
		}
		tv := syscall.NsecToTimeval(max(int64(left), int64(time.Microsecond)))
		_ = syscall.SetsockoptTimeval(c.fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &tv)
		_ = syscall.SetsockoptTimeval(c.fd, syscall.SOL_SOCKET, syscall.SO_SNDTIMEO, &tv)
		c.p.Fill(sink)
		for _, b := range sink.Pieces() {
			if n, err := syscall.Write(c.fd, b); err != nil || n < len(b) {
				return
			}
		}
		sink.Reset()
		n, err := syscall.Read(c.fd, buf)
		if err != nil || n <= 0 || c.p.Feed(buf[:n]) != nil {
			return
		}
		for _, cmd := range c.over {
			if cmd.Done != nil {
				cmd.Done(cmd)
			}
		}
		c.over = c.over[:0]
	}
}
