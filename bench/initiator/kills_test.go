package initiator

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// Connections are killed in the middle of everything, recovered, and what was lost is issued again: no acknowledged write is lost, nothing
// hangs, and the target breaks no rule meanwhile (RFC 7143, 6.3.4, 7.2.1, 11.6.1).
func TestMCSKills(t *testing.T) {
	const n, kills = 4, 40
	s := mcs(t, n, func(c *Config) { c.FirstCmdSN = 0xfffffe00 })
	ctx, cancel := context.WithTimeout(t.Context(), 6*patience)
	defer cancel()
	var recoveries, reissued atomic.Int64
	// comeBack recovers a connection until it is up: it may be killed meanwhile.
	comeBack := func(cid uint16) bool {
		for ctx.Err() == nil {
			again, err := s.Recover(ctx, cid, RecoverOptions{NoWait: true})
			if err == nil {
				recoveries.Add(1)
				reissued.Add(int64(len(again)))
				return true
			}
			if !errors.Is(err, ErrConnLost) {
				t.Errorf("CID %d: Recover: %v", cid, err)
				return false
			}
		}
		return false
	}
	var wg sync.WaitGroup
	var work atomic.Int64
	var enough atomic.Bool
	for cid := range uint16(n) {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(11, uint64(cid)))
			data, got := make([]byte, 32<<10), make([]byte, 32<<10)
			for !enough.Load() {
				blocks := 1 + rng.IntN(64)
				for i := range data[:blocks*512] {
					data[i] = byte(rng.Uint32())
				}
				lba := uint64(cid)*8192 + rng.Uint64N(8000)
				for _, do := range []func() error{
					func() error { return s.Write(ctx, cid, 0, lba, uint32(blocks), data[:blocks*512]) },
					func() error { return s.Read(ctx, cid, 0, lba, uint32(blocks), got[:blocks*512]) },
				} {
					err := do()
					for errors.Is(err, ErrConnLost) && comeBack(cid) {
						err = do()
					}
					if err != nil {
						t.Errorf("CID %d: %v (%v)", cid, err, ctx.Err())
						return
					}
				}
				if !bytes.Equal(data[:blocks*512], got[:blocks*512]) {
					t.Errorf("CID %d: %d blocks at %d come back changed", cid, blocks, lba)
					return
				}
				work.Add(1)
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	rng := rand.New(rand.NewPCG(12, 0))
	killed := 0
	for at := int64(0); killed < kills; { // a kill for every few rounds of work
		select {
		case <-done:
			t.Fatalf("the work ended after %d kills", killed)
		default:
		}
		if now := work.Load(); now-at >= 8 && s.Kill(uint16(rng.IntN(n)), rng.IntN(2) == 0) == nil {
			at = now
			killed++
		}
		runtime.Gosched()
	}
	enough.Store(true)
	<-done
	if recoveries.Load() == 0 {
		t.Error("nothing was recovered: the test tests nothing")
	}
	t.Logf("%d kills, %d recoveries, %d commands lost and issued again", killed, recoveries.Load(), reissued.Load())
	for cid := range uint16(n) {
		if _, err := s.conn(cid); err != nil && !comeBack(cid) {
			t.Errorf("CID %d does not come back", cid)
		}
		if err := s.Ready(ctx, cid, 0); err != nil {
			t.Errorf("CID %d: %v", cid, err)
		}
	}
}
