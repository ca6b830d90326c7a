package engine

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/faulttest"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/lun"
)

const stampedBlocks = 64

// stamped returns a medium's first blocks: each has the number of the unit, the n-th that has its LUN.
func stamped(n uint64) []byte {
	b := make([]byte, stampedBlocks*512)
	for at := 0; at < len(b); at += 512 {
		binary.LittleEndian.PutUint64(b[at:], n)
	}
	return b
}

// stampedUnit opens a medium for the round-th unit of a LUN.
func stampedUnit(t testing.TB, path string, round int) lun.Backend {
	data := stamped(uint64(round))
	if round%3 == 0 {
		must.OK(t, os.WriteFile(path, data, 0o600))
		return file(t, path)
	}
	b := memory(t, 1<<20)
	copy(b.(lun.Mapped).Bytes(0, len(data)), data)
	if round%3 == 1 {
		return b
	}
	f := faulttest.New(b)
	f.Chance(uint64(round), faulttest.Chances{Delay: 500_000, MaxDelay: int64(3 * time.Millisecond)})
	return f
}

// Units come and go, drained and by force, on files, in memory and on a backend that answers late, while initiators read and write
// them from both loops. Each command is answered; a unit holds nothing that was sent to another one; LUN 0, which stays, sees nothing
// but unit attentions; at the end no memory is missing.
func TestUnitsChangeUnderLoad(t *testing.T) {
	dir := t.TempDir()
	r := newRigWith(t, Config{Cores: make([]int, 2)}, quietNode, memory(t, 1<<20))
	var youngest [3]atomic.Uint64 // number of the unit that was added last, by LUN
	stop := make(chan struct{})
	var load, changes sync.WaitGroup
	var served atomic.Uint64 // reads of units that come and go
	for k := range 4 {
		i := r.login(byte(1 + k))
		load.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(k), 7))
			for n := uint32(0); ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				lba := uint32(8 + k*8)
				want := fill(512, uint64(n))
				i.despiteAttentions(func() uint32 { return i.startWrite(0, lba, want) })
				if got := i.despiteAttentions(func() uint32 { return i.startRead(0, lba, 1) }); !bytes.Equal(got, want) {
					t.Errorf("LUN 0 lost what initiator %d wrote", k)
					return
				}
				l := byte(1 + rng.IntN(2))
				from, reads := youngest[l].Load(), 1+rng.IntN(6)
				for range reads {
					i.startRead(l, rng.Uint32N(stampedBlocks), 1)
				}
				for range reads {
					a, err := i.Answer()
					must.OK(t, err, "initiator %d", k)
					switch {
					case a.Status == 0 && len(a.Data) == 512:
						served.Add(1)
						if n, to := binary.LittleEndian.Uint64(a.Data), youngest[l].Load(); n < from || n > to {
							t.Errorf("LUN %d: a block of unit %d, while units %d to %d were there", l, n, from, to)
						}
					case a.Status != 2:
						t.Errorf("LUN %d: status %#x, %d bytes", l, a.Status, len(a.Data))
					}
				}
			}
		})
	}
	for k := range 2 {
		changes.Go(func() {
			l := 1 + k
			for round := 1; round <= 40; round++ {
				b := stampedUnit(t, filepath.Join(dir, fmt.Sprint(l)), round)
				youngest[l].Store(uint64(round))
				u := must.Get(r.target.AddUnit(l, lun.UnitConfig{Backend: b, ID: fmt.Sprint("unit", l)}))(t)
				time.Sleep(time.Duration(round%4) * time.Millisecond) // not a synchronization: for the load to find it
				if err := r.e.RemoveUnit(atMost(t, 20*time.Second), u, round%2 == 0); err != nil {
					var busy *UnitBusy
					must.Be(t, errors.As(err, &busy), "%v", err)
					<-busy.Released
				}
				must.OK(t, b.Close())
			}
		})
	}
	changes.Wait()
	close(stop)
	load.Wait()
	waitFor(t, "tasks and buffers to come back", r.quiet(4))
	check.That(t, served.Load() > 0, "no read found a unit")
	check.That(t, len(r.target.Units()) == 1, "units %v", r.target.Units())
}

// despiteAttentions repeats a command until it ends without a unit attention, and returns its data-in.
func (i *initiator) despiteAttentions(start func() uint32) []byte {
	i.t.Helper()
	for range 200 {
		itt := start()
		st, data := i.finish(itt)
		if st == 0 {
			return data
		}
		must.Be(i.t, st == 2 && len(i.Data) >= 16 && i.Data[2+2]&0xF == 6, "status %#x, sense % x", st, i.Data)
	}
	i.t.Fatal("unit attentions without end")
	return nil
}
