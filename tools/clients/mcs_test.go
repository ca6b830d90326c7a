package clients_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/bench/initiator"
	"github.com/ringtgt/ringtgt/internal/harness"
	"github.com/ringtgt/ringtgt/internal/must"
)

var (
	mcsCommands = flag.Int("mcs.commands", 1_000_000, "commands of TestMCSVerify, over all its sessions")
	mcsSeed     = flag.Uint64("mcs.seed", uint64(time.Now().UnixNano()), "seed of TestMCSVerify's workers")
)

// Reads and writes of all sizes over 1, 2, 4 and 8 connections on two loops, while connections are killed and reinstated,
// and every byte is checked: a write that was acknowledged is there, whatever happened to its connection since (RFC 7143,
// 4.2.2.1, 6.3.4, 7.2).
func TestMCSVerify(t *testing.T) {
	t.Logf("seed %d", *mcsSeed)
	for _, conns := range []int{1, 2, 4, 8} {
		for _, kind := range []string{"mem", "file"} {
			t.Run(fmt.Sprintf("%d/%s", conns, kind), func(t *testing.T) {
				spec := "mem:256M"
				if kind == "file" {
					spec = "file:" + filepath.Join(t.TempDir(), "disk") + ":256M"
				}
				v := newVerify(t, conns, spec, "127.0.0.1:0")
				v.run(*mcsCommands / 8)
			})
		}
	}
}

// verify is one session and what its unit has to contain. Worker w owns the blocks from w*region on: no other worker writes
// there, so that each block has one version that is right.
type verify struct {
	*testing.T
	d     *harness.Daemon
	s     *initiator.Session
	conns int
	left  atomic.Int64
	cmds  atomic.Int64
	kills int

	mu    sync.Mutex
	again *sync.Cond // on mu: recoveries are over
	epoch int        // recoveries so far
}

const (
	mcsWorkers = 48
	mcsRegion  = 4096 // blocks of a worker
	mcsBlock   = 512
	mcsStall   = 60 * time.Second // no command takes a tenth of it
)

func newVerify(t *testing.T, conns int, spec, addr string) *verify {
	t.Helper()
	v := &verify{T: t, conns: conns}
	v.again = sync.NewCond(&v.mu)
	v.d = harness.StartT(t, harness.Options{LUNs: []string{spec}, Args: []string{"--cores", "0-1"}})
	cfg := initiator.Config{
		Portals: []string{v.d.Addr()}, TargetName: v.d.Target(), InitiatorName: "iqn.2026-11.io.ringtgt:verify",
		ISID: [6]byte{0x80, 0, 0, 1, 0, byte(conns)}, Connections: conns, FirstCmdSN: 0xffffff00,
		Keys: initiator.Keys{InitialR2T: initiator.No, ImmediateData: initiator.Yes},
	}
	s := must.Get(initiator.Dial(t.Context(), cfg))(t)
	t.Cleanup(s.Close)
	must.Be(t, s.Granted == conns, "%d connections granted", s.Granted)
	v.s = s
	must.OK(t, s.Ready(t.Context(), 0, 0))
	return v
}

func (v *verify) run(commands int) {
	v.left.Store(int64(commands))
	ctx, cancel := context.WithTimeout(v.Context(), 5*time.Minute)
	defer cancel()
	var workers sync.WaitGroup
	for w := range mcsWorkers {
		workers.Go(func() { (&worker{verify: v, id: w, rng: rand.New(rand.NewPCG(*mcsSeed, uint64(w)))}).run(ctx) })
	}
	stop := make(chan struct{})
	var killer sync.WaitGroup
	killer.Go(func() { v.killer(ctx, stop) })
	workers.Wait()
	close(stop)
	killer.Wait()
	for _, bad := range v.s.Violations() {
		v.Error(bad)
	}
	v.Logf("%d commands, %d connections killed", v.cmds.Load(), v.kills)
	if v.kills == 0 {
		v.Error("no connection was killed")
	}
}

// killer ends a connection each time another few hundred commands are through, and brings it back.
func (v *verify) killer(ctx context.Context, stop <-chan struct{}) {
	rng := rand.New(rand.NewPCG(*mcsSeed, 1<<40))
	for ctx.Err() == nil {
		next := v.cmds.Load() + 500 + rng.Int64N(3000)
		seen, since := v.cmds.Load(), time.Now()
		for v.cmds.Load() < next {
			if n := v.cmds.Load(); n != seen {
				seen, since = n, time.Now()
			} else if time.Since(since) > mcsStall {
				v.Errorf("the session stands still with connections %v\n%s", v.s.CIDs(), v.d.Log())
				v.mu.Lock()
				v.again.Broadcast()
				v.mu.Unlock()
				return
			}
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond): // polls the counter; nothing depends on how long it takes
			}
		}
		cid := uint16(rng.IntN(v.conns))
		if err := v.s.Kill(cid, rng.IntN(2) == 0); err != nil {
			v.Errorf("kill %d: %v", cid, err)
			return
		}
		if _, err := v.s.Recover(ctx, cid, initiator.RecoverOptions{NoWait: true}); err != nil {
			v.Errorf("recover %d: %v\n%s", cid, err, v.d.Log())
			v.left.Store(0) // the waiters are woken below
		}
		v.kills++
		v.mu.Lock()
		v.epoch++
		v.again.Broadcast()
		v.mu.Unlock()
	}
}

// worker issues one command at a time on its region.
type worker struct {
	*verify
	id      int
	rng     *rand.Rand
	version [mcsRegion]uint32
	buf     []byte
	want    []byte
}

func (w *worker) run(ctx context.Context) {
	w.buf, w.want = make([]byte, 256<<10), make([]byte, 256<<10)
	for w.left.Add(-1) >= 0 && ctx.Err() == nil && !w.Failed() {
		blocks := 1 + w.rng.IntN(16)
		if w.rng.IntN(50) == 0 {
			blocks = 1 + w.rng.IntN(512)
		}
		at := w.rng.IntN(mcsRegion - blocks + 1)
		if w.rng.IntN(3) == 0 {
			w.write(ctx, at, blocks)
		} else {
			w.read(ctx, at, blocks)
		}
	}
	if ctx.Err() == nil && !w.Failed() {
		for at := 0; at < mcsRegion; at += 512 {
			w.read(ctx, at, 512)
		}
	}
}

// fill writes what blocks are to contain into b: block number, owner and version.
func (w *worker) fill(b []byte, at, blocks int) {
	clear(b[:blocks*mcsBlock])
	for i := range blocks {
		if v := w.version[at+i]; v != 0 {
			p := b[i*mcsBlock : (i+1)*mcsBlock]
			for k := 0; k < mcsBlock; k += 16 {
				binary.LittleEndian.PutUint64(p[k:], uint64(w.id*mcsRegion+at+i)<<20|uint64(k))
				binary.LittleEndian.PutUint64(p[k+8:], uint64(v)*0x9e3779b97f4a7c15)
			}
		}
	}
}

func (w *worker) read(ctx context.Context, at, blocks int) {
	n := blocks * mcsBlock
	if !w.try(ctx, func(cid uint16) error {
		return w.s.Read(ctx, cid, 0, uint64(w.id*mcsRegion+at), uint32(blocks), w.buf[:n])
	}) {
		return
	}
	w.fill(w.want, at, blocks)
	if !bytes.Equal(w.buf[:n], w.want[:n]) {
		for i := range n {
			if w.buf[i] != w.want[i] {
				w.Errorf("worker %d: block %d byte %d is %#x, want %#x (version %d)", w.id, at+i/mcsBlock, i%mcsBlock, w.buf[i], w.want[i], w.version[at+i/mcsBlock])
				return
			}
		}
	}
}

func (w *worker) write(ctx context.Context, at, blocks int) {
	for i := range blocks {
		w.version[at+i]++
	}
	w.fill(w.buf, at, blocks)
	// A write that was lost is issued again until it is acknowledged: until then the blocks are old or new.
	w.try(ctx, func(cid uint16) error {
		return w.s.Write(ctx, cid, 0, uint64(w.id*mcsRegion+at), uint32(blocks), w.buf[:blocks*mcsBlock])
	})
}

// try issues a command on some connection, again after each loss and recovery.
func (w *worker) try(ctx context.Context, issue func(cid uint16) error) bool {
	for {
		w.mu.Lock()
		epoch := w.epoch
		w.mu.Unlock()
		err := issue(uint16(w.rng.IntN(w.conns)))
		w.cmds.Add(1)
		switch {
		case err == nil:
			return true
		case errors.Is(err, initiator.ErrConnLost) || errors.Is(err, initiator.ErrNoConn):
			// Until the target has nothing of the old connection any more, what was lost may still happen.
			w.mu.Lock()
			for w.epoch == epoch && !w.Failed() {
				w.again.Wait()
			}
			w.mu.Unlock()
			if ctx.Err() != nil || w.Failed() {
				return false
			}
		case terminated(err): // the command was not executed
		default:
			w.Errorf("worker %d: %v", w.id, err)
			return false
		}
	}
}

// terminated reports whether a command ended with the attention that a session gets when commands ended with another of its
// connections: SOME COMMANDS CLEARED BY ISCSI PROTOCOL EVENT (RFC 7143, 11.14.5).
func terminated(err error) bool {
	var status *initiator.StatusError
	return errors.As(err, &status) && len(status.Sense) > 13 && status.Sense[12] == 0x47 && status.Sense[13] == 0x7f
}
