package cold

import (
	"fmt"
	"time"

	"github.com/ringtgt/ringtgt/internal/uring"
	"golang.org/x/sys/unix"
)

// Operations of the ring; the user data is the operation and the connection's index.
const (
	opAccept = iota
	opRecv
	opSend
	opCancel
)

func userData(op, index int) uint64 { return uint64(op)<<32 | uint64(uint32(index)) }

const recvGroup = 1

// loop is the only thread's.
type loop struct {
	ring  *uring.Ring
	bufs  *uring.BufRing
	disk  []byte
	multi bool
	poll  time.Duration
	conns []*conn // by index; nil: free
	dirty []*conn // they have staged answers
	arm   []*conn // they want a receive
	pool  *batch
}

func newLoop(o Options, disk []byte) (*loop, error) {
	ring, err := uring.New(uring.Config{NoIowait: true, Alone: true})
	if err != nil {
		return nil, err
	}
	bufs, err := ring.NewBufRing(recvGroup, recvBuffers, recvBufferSize, false)
	if err != nil {
		return nil, err
	}
	return &loop{ring: ring, bufs: bufs, disk: disk, multi: o.Recv == Multishot, poll: o.Poll}, nil
}

// run serves until the ring fails.
func (l *loop) run() error {
	l.ring.Accept(listenerFD, userData(opAccept, 0))
	for {
		for c, ok := l.ring.Peek(); ok; c, ok = l.ring.Peek() {
			l.ring.Seen()
			if l.ring.Woken(c) {
				continue
			}
			if err := l.completed(c); err != nil {
				return err
			}
		}
		l.bufs.Publish()
		for _, c := range l.dirty {
			c.flush()
		}
		l.dirty = l.dirty[:0]
		for _, c := range l.arm {
			c.armRecv()
		}
		l.arm = l.arm[:0]
		if err := l.wait(); err != nil {
			return err
		}
	}
}

// wait submits, polls, and sleeps.
func (l *loop) wait() error {
	if l.poll == 0 {
		return l.ring.SubmitAndWait(-1)
	}
	if err := l.ring.Submit(); err != nil {
		return err
	}
	for until := time.Now().Add(l.poll); !l.ring.Pending(); uring.Pause() {
		if time.Now().After(until) {
			return l.ring.SubmitAndWait(-1)
		}
	}
	return l.ring.Submit() // the kernel posts what is pending
}

func (l *loop) completed(c uring.CQE) error {
	index := int(uint32(c.UserData))
	switch c.UserData >> 32 {
	case opAccept:
		if err := c.Err(); err != nil {
			return fmt.Errorf("accept: %w", err)
		}
		l.accepted(int(c.Res))
		if !c.More() {
			l.ring.Accept(listenerFD, userData(opAccept, 0))
		}
	case opRecv:
		l.conns[index].received(c)
	case opSend:
		l.conns[index].sent(c)
	}
	return nil
}

// accepted makes a connection.
func (l *loop) accepted(fd int) {
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, sendBuffer)
	c := &conn{loop: l, fd: fd, statSN: 1}
	for c.index = 0; c.index < len(l.conns) && l.conns[c.index] != nil; c.index++ {
	}
	if c.index == maxConns {
		_ = unix.Close(fd)
		return
	}
	if c.index == len(l.conns) {
		l.conns = append(l.conns, nil)
	}
	l.conns[c.index] = c
	c.begin()
}
