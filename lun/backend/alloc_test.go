package backend_test

import (
	"path/filepath"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/backend"
)

// instant is a loop whose queue moves everything at once, half of it at a time: what is left of a request's cost is the
// backend's own. It calls back from within the call, which a real loop never does; the backends here do not mind.
type instant struct {
	lun.Loop
	calls int
	now   int64
}

func (l *instant) Index() int { return 0 }

// Now advances at each call, so that every periodic action happens each time.
func (l *instant) Now() int64 {
	l.now += 1e9
	return l.now
}

func (l *instant) PRead(_ int, buf []byte, _ int64, op lun.QueueOp, r *lun.Request) {
	l.calls++
	op.QueueDone(l, r, (len(buf)+1023)/1024*512)
}

func (l *instant) PWrite(_ int, buf []byte, _ int64, _ bool, op lun.QueueOp, r *lun.Request) {
	l.calls++
	op.QueueDone(l, r, (len(buf)+1023)/1024*512)
}

func (l *instant) FSync(_ int, op lun.QueueOp, r *lun.Request) {
	l.calls++
	op.QueueDone(l, r, 0)
}

func (l *instant) FAllocate(_ int, _ uint32, _, _ int64, op lun.QueueOp, r *lun.Request) {
	l.calls++
	op.QueueDone(l, r, 0)
}

// TestDataPathAllocatesNothing: reads, writes, syncs, and discards that need no helper.
func TestDataPathAllocatesNothing(t *testing.T) {
	for _, spec := range []backend.Spec{
		{Kind: backend.KindMemory, Size: 1 << 20},
		{Kind: backend.KindMemory, Size: 1 << 20, Thin: true},
		{Kind: backend.KindNull, Size: 1 << 20},
		{Kind: backend.KindFile, Size: 1 << 20, Path: filepath.Join(t.TempDir(), "thick")},
		{Kind: backend.KindFile, Size: 1 << 20, Path: filepath.Join(t.TempDir(), "thin"), Thin: true},
	} {
		t.Run(spec.String(), func(t *testing.T) {
			b, err := backend.Open(spec)
			must.OK(t, err)
			defer b.Close()
			l := &instant{}
			var end ender
			r := &lun.Request{}
			buf := make([]byte, 16<<10+4096)
			buf = buf[4096-int(addr(buf)%4096):][:16<<10]
			for _, kind := range []lun.OpKind{lun.OpRead, lun.OpWrite, lun.OpSync, lun.OpDiscard, lun.OpZero} {
				n := testing.AllocsPerRun(100, func() {
					*r = lun.Request{Kind: kind, Off: 4096, Len: int64(len(buf)), Buf: buf, Done: &end}
					b.Submit(l, r)
				})
				check.That(t, n == 0, "request of kind %d: %v allocations", kind, n)
			}
			check.That(t, end.err == nil && end.n == 5*101, "%d completions, the last with %v", end.n, end.err)
		})
	}
}

func BenchmarkSubmit(b *testing.B) {
	for _, spec := range []backend.Spec{
		{Kind: backend.KindMemory, Size: 16 << 20},
		{Kind: backend.KindMemory, Size: 16 << 20, Thin: true},
		{Kind: backend.KindFile, Size: 16 << 20, Path: filepath.Join(b.TempDir(), "disk")},
	} {
		be := must.Get(backend.Open(spec))(b)
		name := string(spec.Kind)
		if spec.Thin {
			name += "/thin"
		}
		for kind, what := range map[lun.OpKind]string{lun.OpRead: "read", lun.OpWrite: "write"} {
			b.Run(name+"/"+what, func(b *testing.B) {
				b.ReportAllocs()
				l := &instant{}
				var end ender
				r := &lun.Request{}
				buf := make([]byte, 8192)
				buf = buf[4096-int(addr(buf)%4096):][:4096]
				i := int64(0)
				for b.Loop() {
					i++
					*r = lun.Request{Kind: kind, Off: i % 4096 * 4096, Len: 4096, Buf: buf, Done: &end}
					be.Submit(l, r)
				}
			})
		}
		be.Close()
	}
}
