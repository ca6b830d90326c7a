package main

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/ringtgt/ringtgt/internal/rawclient"
	"github.com/ringtgt/ringtgt/pdu"
)

// conn is one TCP connection of an actor. A reader goroutine collects what the target sends for the actor.
type conn struct {
	*rawclient.Client
	w   *world
	cid uint16
	up  bool

	mu        sync.Mutex
	expStatSN uint32
	maxCmdSN  uint32
	expCmdSN  uint32
	r2ts      []r2t
	pings     []uint32 // TTTs of NOP-Ins that ask for an answer
	logins    chan pdu.LoginResponse
	gone      chan struct{}
}

// r2t is an R2T that the target has sent.
type r2t struct{ itt, ttt, offset, length uint32 }

const (
	dialTime = 10 * time.Second
	// answerTime bounds the wait for a login response: the target may refuse by closing the connection.
	answerTime = 20 * time.Second
	// maxSegment is the longest data segment that the target may send: our MaxRecvDataSegmentLength.
	maxSegment = 1 << 20
)

func dial(w *world) (*conn, error) {
	c, err := rawclient.Dial(w.addr, dialTime)
	if err != nil {
		return nil, err
	}
	w.conns.Add(1)
	c.Patience, c.MaxData = 0, maxSegment
	k := &conn{Client: c, w: w, logins: make(chan pdu.LoginResponse, 8), gone: make(chan struct{})}
	go k.read()
	return k, nil
}

// read receives PDUs until the connection ends. An error is not a failure of the target: a header that we mangled may have desynchronized
// the two sides.
func (k *conn) read() {
	defer close(k.gone)
	for k.Recv() == nil {
		k.w.received.Add(1)
		k.take(&k.Header)
	}
}

func (k *conn) take(h *pdu.BHS) {
	if h.Opcode() == pdu.OpLoginResponse {
		select {
		case k.logins <- pdu.LoginResponse(*h):
		default:
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	in := (*pdu.NOPIn)(h) // StatSN, ExpCmdSN and MaxCmdSN are at the same place in all of them
	if h.Opcode() != pdu.OpDataIn || (*pdu.DataIn)(h).StatusPresent() {
		k.expStatSN = in.StatSN() + 1
	}
	k.expCmdSN, k.maxCmdSN = in.ExpCmdSN(), in.MaxCmdSN()
	switch h.Opcode() {
	case pdu.OpR2T:
		r := (*pdu.R2T)(h)
		if len(k.r2ts) < 256 {
			k.r2ts = append(k.r2ts, r2t{r.ITT(), r.TTT(), r.BufferOffset(), r.DesiredDataTransferLength()})
		}
	case pdu.OpNOPIn:
		if in.TTT() != pdu.ReservedTag && len(k.pings) < 16 {
			k.pings = append(k.pings, in.TTT())
		}
	}
}

// numbers returns the target's latest StatSN, ExpCmdSN and MaxCmdSN.
func (k *conn) numbers() (expStatSN, expCmdSN, maxCmdSN uint32) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.expStatSN, k.expCmdSN, k.maxCmdSN
}

// asked removes and returns a random R2T.
func (k *conn) asked(rng *rand.Rand) (r r2t, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.r2ts) == 0 {
		return r, false
	}
	i := rng.IntN(len(k.r2ts))
	r = k.r2ts[i]
	k.r2ts = append(k.r2ts[:i], k.r2ts[i+1:]...)
	return r, true
}

func (k *conn) ping() (ttt uint32, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.pings) == 0 {
		return 0, false
	}
	ttt = k.pings[0]
	k.pings = k.pings[1:]
	return ttt, true
}

// write sends bytes, whole or in pieces, and reports whether the connection still works. A target that stops reading for a
// moment does not end it.
func (k *conn) write(rng *rand.Rand, b []byte) bool {
	for len(b) > 0 {
		n := len(b)
		if rng.IntN(8) == 0 {
			n = 1 + rng.IntN(n)
		}
		k.SetWriteDeadline(time.Now().Add(time.Second))
		m, err := k.Write(b[:n])
		if err != nil {
			return false
		}
		b = b[m:]
	}
	k.w.sent.Add(1)
	return true
}

// end closes the connection in a random way.
func (k *conn) end(rng *rand.Rand) {
	switch rng.IntN(3) {
	case 0: // reset
		k.TCP().SetLinger(0)
	case 1: // half-close first
		k.TCP().CloseWrite()
		select {
		case <-k.gone:
		case <-time.After(time.Duration(rng.IntN(20)) * time.Millisecond): // the time that a peer lingers is part of the test
		}
	}
	k.Close()
	<-k.gone
}
