package engine

import (
	"io"
	"runtime"
	"testing"

	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/pdu"
)

// loadDepth is how many commands the load below keeps in flight.
const loadDepth = 32

// load sends n commands of 4 KiB in groups of loadDepth and reads their answers, with memory made beforehand: what the
// process allocates meanwhile is the target's.
func load(b testing.TB, i *initiator, n int, write bool) {
	var h pdu.BHS
	const size = 4096
	group := make([]byte, 0, loadDepth*(pdu.BHSLen+size))
	data := make([]byte, size)
	answers := make([]byte, loadDepth*(pdu.BHSLen+size))
	for done := 0; done < n; done += loadDepth {
		group = group[:0]
		for k := range loadDepth {
			i.command(&h, 0, nil, size, write)
			cdb := (*pdu.SCSICommand)(&h).CDB()
			cdb[0] = 0x28
			if write {
				cdb[0] = 0x2a
			}
			cdb[4], cdb[5], cdb[8] = byte(k), 0, size/512
			if write {
				h.SetDataLen(size)
			}
			group = append(group, h[:]...)
			if write {
				group = append(group, data...)
			}
		}
		must.Get(i.Conn.Write(group))(b)
		want := loadDepth * pdu.BHSLen
		if !write {
			want = len(answers)
		}
		must.Get(io.ReadFull(i.Conn, answers[:want]))(b)
		i.ExpStatSN += loadDepth
	}
}

// A command allocates nothing, from the first byte received to the last byte sent.
func TestCommandsDoNotAllocate(t *testing.T) {
	r := newRig(t, 1, memory(t, 16<<20))
	i := r.login(1)
	for _, write := range []bool{false, true} {
		noAllocations(t, i, write)
	}
}

// noAllocations fails if commands allocate.
func noAllocations(t *testing.T, i *initiator, write bool) {
	t.Helper()
	load(t, i, 4096, write) // pools grow to what is in flight
	var before, after runtime.MemStats
	const n = 64 * loadDepth
	runtime.ReadMemStats(&before)
	load(t, i, n, write)
	runtime.ReadMemStats(&after)
	// The runtime itself may allocate now and then (a timer, a finalizer); a command that allocated would show n times.
	if got := after.Mallocs - before.Mallocs; got > n/16 {
		t.Errorf("write %v: %d allocations in %d commands", write, got, n)
	}
}

func BenchmarkRead4K(b *testing.B)  { benchmark(b, false) }
func BenchmarkWrite4K(b *testing.B) { benchmark(b, true) }

// benchmark is one connection on a memory LUN at depth 32; the client is in the same process, on the other cores.
func benchmark(b *testing.B, write bool) {
	r := newRig(b, 1, memory(b, 16<<20))
	i := r.login(1)
	load(b, i, 4096, write)
	first := r.e.Status().Loops[0]
	before := first.Stats
	b.ReportAllocs()
	b.SetBytes(4096)
	b.ResetTimer()
	load(b, i, b.N, write)
	b.StopTimer()
	last := r.e.Status().Loops[0]
	s := last.Stats
	b.ReportMetric(float64(last.CPUNanos-first.CPUNanos)/float64(b.N), "loop-ns/command")
	if sends := s.Sends - before.Sends; sends > 0 {
		b.ReportMetric(float64(s.PDUsSent-before.PDUsSent)/float64(sends), "PDUs/send")
	}
	if n := s.Enters - before.Enters; n > 0 {
		b.ReportMetric(float64(s.Commands-before.Commands)/float64(n), "commands/enter")
	}
}
