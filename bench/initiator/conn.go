package initiator

import (
	"bytes"
	"errors"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/ringtgt/ringtgt/bench/initiator/proto"
	"github.com/ringtgt/ringtgt/pdu"
)

// conn drives one connection by two goroutines: one reads, one writes. mu guards the protocol. Events are collected under it
// and delivered once it is released.
type conn struct {
	s   *Session
	cid uint16
	nc  net.Conn

	kick chan struct{} // there may be something to send
	gone chan struct{} // closed when the connection is over

	mu    sync.Mutex
	p     *proto.Conn
	over  bool
	done  []*Command
	async []Async
}

// Done, Async and Violation make conn a proto.Handler; mu is held.
func (c *conn) Done(cmd *Command) { c.done = append(c.done, cmd) }

func (c *conn) Async(m *pdu.AsyncMessage, data []byte) {
	c.async = append(c.async, Async{CID: c.cid, Message: *m, Data: bytes.Clone(data)})
}

func (c *conn) Violation(format string, args ...any) { c.s.witness.add(c.cid, format, args...) }

func (c *conn) wake() {
	select {
	case c.kick <- struct{}{}:
	default:
	}
}

func (c *conn) expStatSN() uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.p.ExpStatSN()
}

// flush returns the events since the last flush; mu is held.
func (c *conn) flush() ([]*Command, []Async) {
	done, async := slices.Clone(c.done), c.async
	clear(c.done)
	c.done, c.async = c.done[:0], nil
	return done, async
}

// tell delivers events; mu is not held.
func (c *conn) tell(done []*Command, async []Async) {
	for _, cmd := range done {
		c.s.concluded(c, cmd)
		if cmd.Done != nil {
			cmd.Done(cmd)
		}
	}
	for _, a := range async {
		c.s.asynchronous(c, a)
	}
}

// read feeds the protocol until the connection ends.
func (c *conn) read() {
	defer c.s.readers.Done()
	buf := make([]byte, recvBuffer)
	for {
		n, err := c.nc.Read(buf)
		if n > 0 {
			if ferr := c.feed(buf[:n]); ferr != nil {
				err = ferr
			}
		}
		if err != nil {
			c.lose(ErrConnLost)
			return
		}
	}
}

func (c *conn) feed(b []byte) error {
	c.mu.Lock()
	if c.over {
		c.mu.Unlock()
		return ErrConnLost
	}
	err := c.p.Feed(b)
	done, async := c.flush()
	c.mu.Unlock()
	// The window may have opened for others before the caller is notified.
	if c.s.n.Waiting() {
		c.s.wake()
	}
	c.wake()
	c.tell(done, async)
	return err
}

// write sends what the protocol has until the connection ends.
func (c *conn) write() {
	defer c.s.readers.Done()
	// All data is copied: a command may be over, and its buffer the caller's, while the kernel still reads.
	sink := proto.NewSink(make([]byte, sendBuffer), 8, -1)
	for {
		c.mu.Lock()
		c.p.Fill(sink)
		c.mu.Unlock()
		if sink.PDUs() == 0 {
			select {
			case <-c.kick:
				continue
			case <-c.gone:
				return
			}
		}
		for _, piece := range sink.Pieces() {
			if _, err := c.nc.Write(piece); err != nil {
				c.lose(ErrConnLost)
				return
			}
		}
		sink.Reset()
	}
}

// submit gives a command to the protocol.
func (c *conn) submit(cmd *Command) error {
	c.mu.Lock()
	err := c.p.Submit(cmd)
	c.mu.Unlock()
	if err == nil {
		c.wake()
	}
	return err
}

func (c *conn) terminate(late bool, affected func(*Command) bool) {
	c.mu.Lock()
	c.p.Terminate(ErrAborted, late, affected)
	done, async := c.flush()
	c.mu.Unlock()
	c.tell(done, async)
}

// lose ends the connection and its commands. Unless a logout ended it, it is remembered for Recover.
func (c *conn) lose(why error) {
	if why == ErrConnLost && c.s.leaving.Load() {
		why = ErrLoggedOut // a target may close the other connections before its response is read
	}
	c.mu.Lock()
	if c.over {
		c.mu.Unlock()
		return
	}
	c.over = true
	before, async := c.flush()
	c.p.End(why)
	ended, _ := c.flush()
	l := &loss{at: time.Now(), expStatSN: c.p.ExpStatSN()}
	for _, cmd := range ended {
		l.add(cmd)
	}
	c.mu.Unlock()

	c.s.mu.Lock()
	if c.s.conns[c.cid] == c {
		delete(c.s.conns, c.cid)
		if errors.Is(why, ErrConnLost) {
			l.merge(c.s.lost[c.cid])
			c.s.lost[c.cid] = l
		}
	}
	c.s.mu.Unlock()
	close(c.gone)
	_ = c.nc.Close()
	c.tell(before, async)
	c.tell(ended, nil)
}
