package astarget

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/ringtgt/ringtgt/pdu"
)

// Serve accepts initiators until the context ends, or until every scenario was played. Then it ends their connections and returns.
func (t *Target) Serve(ctx context.Context, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	var pumps sync.WaitGroup
	defer pumps.Wait()
	defer t.hangUp()
	pumps.Go(func() { t.watch(ctx, cancel) })
	for {
		nc, err := l.Accept()
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && !errors.Is(err, net.ErrClosed) && isTemporary(err):
			continue
		case err != nil:
			return err
		}
		pumps.Go(func() { t.serve(nc) })
	}
}

func isTemporary(err error) bool {
	var op *net.OpError
	return errors.As(err, &op)
}

// watch cancels when nothing is left to play and nobody is connected.
func (t *Target) watch(ctx context.Context, cancel func()) {
	tick := time.NewTicker(time.Second / 4)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		t.mu.Lock()
		_, left := t.plan.names()
		over := len(left) == 0 && len(t.conns) == 0
		t.mu.Unlock()
		if over {
			cancel()
		}
	}
}

func (t *Target) hangUp() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for c := range t.conns {
		// That this target ends says nothing about what was due.
		for _, e := range c.expected {
			e.stop()
		}
		c.expected = nil
		c.end("this target ends")
	}
}

// serve is a connection, from the accept on.
func (t *Target) serve(nc net.Conn) {
	out := &queue{nc: nc}
	out.wake = sync.NewCond(&out.mu)
	var writer sync.WaitGroup
	writer.Go(out.run)
	defer writer.Wait()
	defer out.abort()
	t.mu.Lock()
	c := t.attach(out, nc.LocalAddr().String(), nc.RemoteAddr().String())
	t.mu.Unlock()
	if c == nil {
		return
	}
	in := &reader{r: nc}
	for {
		t.mu.Lock()
		in.header, in.data = c.digests.Header, c.digests.Data
		over := c.phase == over
		t.mu.Unlock()
		if over {
			return
		}
		r, err := in.next()
		t.mu.Lock()
		switch {
		case err != nil:
			c.gone()
		default:
			c.take(r)
		}
		t.mu.Unlock()
	}
}

// queue is the outlet of a socket. A peer that does not read is cut off when too much waits for it.
type queue struct {
	nc   net.Conn
	mu   sync.Mutex
	wake *sync.Cond
	wait [][]byte
	size int
	fin  bool
	dead bool
}

func (q *queue) send(wire []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.fin || q.dead {
		return
	}
	q.wait = append(q.wait, wire)
	if q.size += len(wire); q.size > maxQueue {
		q.kill()
	}
	q.wake.Signal()
}

func (q *queue) finish() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.fin = true
	q.wake.Signal()
}

func (q *queue) abort() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.kill()
	q.wake.Signal()
}

func (q *queue) kill() {
	if !q.dead {
		q.dead = true
		_ = q.nc.Close()
	}
}

// run sends what waits, until the end.
func (q *queue) run() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		for len(q.wait) == 0 && !q.fin && !q.dead {
			q.wake.Wait()
		}
		switch {
		case q.dead:
			return
		case len(q.wait) == 0:
			if tcp, ok := q.nc.(*net.TCPConn); ok {
				_ = tcp.CloseWrite()
			}
			return
		}
		batch := net.Buffers(q.wait)
		q.wait, q.size = nil, 0
		q.mu.Unlock()
		_ = q.nc.SetWriteDeadline(time.Now().Add(sendWithin))
		_, err := batch.WriteTo(q.nc)
		q.mu.Lock()
		if err != nil {
			q.kill()
		}
	}
}

// reader cuts a stream into PDUs.
type reader struct {
	r            io.Reader
	header, data bool // digests
}

// next reads a PDU. A length above what may be read is an error, and so is the end of the stream.
func (in *reader) next() (*received, error) {
	r := &received{h: new(pdu.BHS)}
	if _, err := io.ReadFull(in.r, r.h[:]); err != nil {
		return nil, err
	}
	segments := r.h[:]
	if n := r.h.AHSLen(); n > 0 {
		r.ahs = make([]byte, n) // at most maxAHS: the length is one byte
		if _, err := io.ReadFull(in.r, r.ahs); err != nil {
			return nil, err
		}
		segments = append(append([]byte{}, segments...), r.ahs...)
	}
	var sum [pdu.DigestLen]byte
	if in.header {
		if _, err := io.ReadFull(in.r, sum[:]); err != nil {
			return nil, err
		}
		if r.badHdr = pdu.GetDigest(sum[:]) != pdu.Digest(0, segments); r.badHdr {
			return r, nil
		}
	}
	n := r.h.DataLen()
	if n == 0 {
		return r, nil
	}
	if n > maxSegment {
		r.endless = true
		return r, nil
	}
	r.data = make([]byte, n+pdu.Pad(n))
	if _, err := io.ReadFull(in.r, r.data); err != nil {
		return nil, err
	}
	if in.data {
		if _, err := io.ReadFull(in.r, sum[:]); err != nil {
			return nil, err
		}
		r.badDat = pdu.GetDigest(sum[:]) != pdu.Digest(0, r.data)
	}
	r.data, r.pad = r.data[:n], r.data[n:]
	return r, nil
}
