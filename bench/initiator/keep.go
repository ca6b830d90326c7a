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
	if !ls.running.CompareAndSwap(false, true) {
		return fmt.Errorf("%w: a run is under way", ErrUsage)
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

// keeper has idle run between runs.
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

// pause ends that, and returns once no thread uses the connections.
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
	first := make(chan *loopConn, len(ls.conns))
	gone := -1
	for _, c := range ls.conns {
		if c.dead == nil && c.sessionIndex != gone {
			first <- c // its logout is the session's
			gone = c.sessionIndex
		}
	}
	close(first)
	until := time.Now().Add(closeTimeout)
	var done sync.WaitGroup
	for range min(maxLogins, len(first)) {
		done.Go(func() {
			for c := range first {
				c.logOut(until)
			}
		})
	}
	done.Wait()
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
		for _, cmd := range c.over {
			if cmd.Done != nil {
				cmd.Done(cmd)
			}
		}
		c.over = c.over[:0]
	}
}
