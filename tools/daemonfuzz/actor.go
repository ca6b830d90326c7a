package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ringtgt/ringtgt/internal/rawclient"
	"github.com/ringtgt/ringtgt/pdu"
)

// world is the state that the actors share.
type world struct {
	addr string

	mu    sync.Mutex
	tsihs map[byte]uint16 // by the last byte of the ISID; other actors join these sessions or guess near them

	conns, sessions, sent, received atomic.Uint64
}

func (w *world) note(isid byte, tsih uint16) {
	w.mu.Lock()
	w.tsihs[isid] = tsih
	w.mu.Unlock()
}

func (w *world) tsih(isid byte) uint16 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.tsihs[isid]
}

// actor is one hostile initiator: it starts sessions, attacks them and ends them, in a loop.
type actor struct {
	w    *world
	rng  *rand.Rand
	name string
	isid byte
	tsih uint16

	conns []*conn
	itt   uint32
	cmdSN uint32
	tags  []uint32 // recently used
}

func newActor(w *world, seed uint64, i int) *actor {
	return &actor{
		w: w, rng: rand.New(rand.NewPCG(seed, uint64(i))), isid: byte(i / 2), // pairs share an ISID and reinstate each other
		name: fmt.Sprintf("iqn.2026-11.test.fuzz:%d", i/4),
	}
}

func (a *actor) play(ctx context.Context) {
	for ctx.Err() == nil {
		a.session(ctx)
	}
}

// session runs one session: a login, some joins, attacks on all connections, and an end.
func (a *actor) session(ctx context.Context) {
	rng := a.rng
	a.conns, a.tags, a.tsih = nil, nil, 0
	a.cmdSN = rng.Uint32()
	defer func() {
		for _, k := range a.conns {
			k.end(rng)
		}
	}()
	for n := 3 + rng.IntN(120); n > 0 && ctx.Err() == nil; n-- {
		if len(a.conns) == 0 || len(a.conns) < 6 && rng.IntN(12) == 0 {
			a.login()
			continue
		}
		i := rng.IntN(len(a.conns))
		k := a.conns[i]
		if !a.act(k) {
			a.conns = append(a.conns[:i], a.conns[i+1:]...)
			k.end(rng)
		}
	}
}

// act performs one attack on a connection. False: the connection has ended or should be closed.
func (a *actor) act(k *conn) bool {
	rng := a.rng
	select {
	case <-k.gone:
		return false
	default:
	}
	switch p := rng.IntN(100); {
	case p < 45:
		// Several in one send.
		var b []byte
		for range 1 + rng.IntN(8) {
			b = append(b, a.command(k)...)
		}
		return k.write(rng, b)
	case p < 65:
		return k.write(rng, a.data(k))
	case p < 75:
		return k.write(rng, a.function(k))
	case p < 82:
		return k.write(rng, a.nop(k))
	case p < 87:
		return k.write(rng, a.text(k))
	case p < 90:
		return k.write(rng, a.logout(k))
	case p < 93:
		return k.write(rng, mangle(rng, a.command(k)))
	case p < 95:
		time.Sleep(time.Duration(rng.IntN(30)) * time.Millisecond) // the target's timing is part of the test
		return true
	case p < 96:
		return k.write(rng, noise(rng))
	}
	return false
}

// header returns a request header with the session's next numbers or with wrong ones.
func (a *actor) header(k *conn, op pdu.Opcode) *pdu.BHS {
	rng := a.rng
	exp, _, maxSN := k.numbers()
	sn, immediate := a.cmdSN, rng.IntN(6) == 0
	switch {
	case immediate:
	case rng.IntN(24) == 0:
		sn += uint32(rng.IntN(5)) - 2 // a gap, or a duplicate
	case rng.IntN(60) == 0:
		sn = maxSN + 1
	default:
		a.cmdSN++
	}
	if rng.IntN(40) == 0 {
		exp -= uint32(rng.IntN(3))
	}
	a.itt++
	itt := a.itt
	if rng.IntN(50) == 0 {
		itt = a.tag()
	}
	a.tags = append(a.tags, itt)
	h := rawclient.Request(op, itt, sn, exp)
	h.SetImmediate(immediate)
	return h
}

// tag returns a recently used Initiator Task Tag.
func (a *actor) tag() uint32 {
	if len(a.tags) == 0 {
		return pdu.ReservedTag
	}
	return a.tags[len(a.tags)-1-a.rng.IntN(min(len(a.tags), 32))]
}

// mangle changes some bytes.
func mangle(rng *rand.Rand, b []byte) []byte {
	for range 1 + rng.IntN(4) {
		b[rng.IntN(len(b))] ^= byte(1 << rng.IntN(8))
	}
	return b
}

// noise returns bytes that a port scanner might send.
func noise(rng *rand.Rand) []byte {
	b := make([]byte, 1+rng.IntN(200))
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}
