package luntest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/lun"
)

// trace records results in the order they arrive.
type trace struct {
	got []string
}

func (tr *trace) QueueDone(l lun.Loop, r *lun.Request, n int) {
	tr.got = append(tr.got, fmt.Sprintf("loop %d req %d: %d at %d", l.Index(), r.Off/512, n, l.Now()))
}

func scratchFile(t *testing.T, size int64) int {
	t.Helper()
	fd := must.Get(unix.Open(filepath.Join(t.TempDir(), "f"), unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, 0o600))(t)
	t.Cleanup(func() { unix.Close(fd) })
	must.OK(t, unix.Ftruncate(fd, size))
	return fd
}

func run(t *testing.T, cfg Config) []string {
	fd := scratchFile(t, 1<<20)
	w := NewWorld(t, cfg)
	tr := &trace{}
	for i := range 20 {
		w.On(i%w.Loops(), func(l *Loop) {
			r := &lun.Request{Off: int64(i) * 512}
			buf := l.Alloc(4096)
			if buf == nil {
				return
			}
			if i%2 == 0 {
				l.PWrite(fd, buf, r.Off, i%4 == 0, tr, r)
			} else {
				l.PRead(fd, buf, r.Off, tr, r)
			}
		})
	}
	w.Run()
	return tr.got
}

func TestSameSeedSameWorld(t *testing.T) {
	cfg := Config{Loops: 3, Seed: 7, MaxDelay: 1000, ShortEvery: 3, AllocFailEvery: 5}
	a, b := run(t, cfg), run(t, cfg)
	must.Be(t, slices.Equal(a, b), "two runs of one seed differ:\n%v\n%v", a, b)
	cfg.Seed = 8
	must.Be(t, !slices.Equal(a, run(t, cfg)), "another seed made no difference")
}

func TestNoDelayKeepsOrder(t *testing.T) {
	got := run(t, Config{Loops: 2})
	must.Be(t, len(got) == 20, "%d of 20 results arrived", len(got))
	for i, s := range got {
		if want := fmt.Sprintf("loop %d req %d: 4096 at 0", i%2, i); s != want {
			t.Errorf("result %d is %q, want %q", i, s, want)
		}
	}
}

func TestDelaysReorder(t *testing.T) {
	inOrder := func(s []string) bool {
		for i := range s {
			if s[i][:13] != fmt.Sprintf("loop %d req %d:", 0, i)[:13] {
				return false
			}
		}
		return true
	}
	if got := run(t, Config{Seed: 1, MaxDelay: 1000}); inOrder(got) {
		t.Fatalf("20 delayed calls kept their order: %v", got)
	}
}

func TestGoAfterPost(t *testing.T) {
	w := NewWorld(t, Config{Loops: 2})
	var got []string
	say := func(s string) func() {
		return func() { got = append(got, fmt.Sprintf("%d %s", w.Now(), s)) }
	}
	w.On(1, func(l *Loop) {
		l.After(50, Func(say("after")))
		l.Go(Job{say("work"), say("done")})
		w.Loop(0).Post(Func(say("post")))
	})
	w.Run()
	if want := []string{"0 work", "0 post", "0 done", "50 after"}; !slices.Equal(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	must.Be(t, w.Idle(), "not idle after Run")
}

// fake is a testing.TB that remembers what it was told instead of failing.
type fake struct {
	testing.TB
	said []string
}

func (f *fake) Helper()        {}
func (f *fake) Cleanup(func()) {}
func (f *fake) Errorf(s string, a ...any) {
	f.said = append(f.said, fmt.Sprintf(s, a...))
}
func (f *fake) Fatalf(s string, a ...any) {
	f.said = append(f.said, fmt.Sprintf(s, a...))
	panic(f)
}

// caught runs fn and returns what the world complained about.
func caught(f *fake, fn func()) (said []string) {
	defer func() {
		if r := recover(); r != nil && r != any(f) {
			panic(r)
		}
		said = f.said
	}()
	fn()
	return f.said
}

func TestMisuseIsFound(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(w *World)
	}{
		{"write after Free", func(w *World) {
			w.On(0, func(l *Loop) {
				b := l.Alloc(100)
				l.Free(b)
				b[3] = 1
			})
			w.loops[0].arena.close()
		}},
		{"write beyond the end", func(w *World) {
			w.On(0, func(l *Loop) {
				b := l.Alloc(100)
				b[:101:101][100] = 1
			})
		}},
		{"Free twice", func(w *World) {
			w.On(0, func(l *Loop) {
				b := l.Alloc(100)
				l.Free(b)
				l.Free(b)
			})
		}},
		{"another loop's turn", func(w *World) {
			w.On(0, func(*Loop) { w.Loop(1).Alloc(1) })
		}},
		{"no turn at all", func(w *World) { w.Loop(1).FSync(-1, nil, nil) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := &fake{TB: t}
			w := NewWorld(f, Config{Loops: 2})
			said := caught(f, func() {
				defer func() {
					// A slice beyond its capacity is the runtime's to refuse; that is as good.
					if r := recover(); r != nil && r != any(f) {
						f.said = append(f.said, fmt.Sprint(r))
					}
				}()
				c.do(w)
			})
			must.Be(t, len(said) != 0, "went unnoticed")
		})
	}
}

func TestErrnoIsNegative(t *testing.T) {
	w := NewWorld(t, Config{})
	n := 1
	w.On(0, func(l *Loop) {
		l.PRead(1<<20, l.Alloc(512), 0, done(func(_ *lun.Request, got int) { n = got }), &lun.Request{})
	})
	w.Run()
	must.Be(t, n == -int(unix.EBADF), "reading a closed descriptor gave %d, want -EBADF", n)
}

func TestIntercept(t *testing.T) {
	fd := scratchFile(t, 4096)
	w := NewWorld(t, Config{Intercept: func(c *Call) (int, bool) {
		if c.Kind == CallSync {
			return -int(unix.EIO), true
		}
		return 0, false
	}})
	var results []int
	record := done(func(_ *lun.Request, n int) { results = append(results, n) })
	w.On(0, func(l *Loop) {
		l.PWrite(fd, l.Alloc(512), 0, false, record, &lun.Request{})
		l.FSync(fd, record, &lun.Request{})
	})
	w.Run()
	must.Be(t, slices.Equal(results, []int{512, -int(unix.EIO)}), "got %v", results)
}

type done func(r *lun.Request, n int)

func (d done) QueueDone(_ lun.Loop, r *lun.Request, n int) { d(r, n) }

func TestLive(t *testing.T) {
	v := NewLive(t, 2)
	fd := scratchFile(t, 4096)
	got := make(chan int)
	for i := range 2 {
		l := v.Loop(i)
		l.Call(func() {
			l.PWrite(fd, l.Alloc(512), 0, false, done(func(_ *lun.Request, n int) { go func() { got <- n }() }), &lun.Request{})
		})
	}
	for range 2 {
		if n := <-got; n != 512 {
			t.Fatalf("wrote %d", n)
		}
	}
}

func TestSeedPattern(t *testing.T) {
	for in, want := range map[string]string{
		"TestA/seed=3":      "TestA",
		"TestA/mem/seed=3":  "TestA$/^mem",
		"TestA/m/n/seed=12": "TestA$/^m$/^n",
	} {
		check.Equal(t, parent(in), want, "parent(%q) =", in)
	}
	if v := os.Getenv(SeedVariable); v != "" {
		t.Skipf("%s=%s: not counting seeds", SeedVariable, v)
	}
	n := 0
	Seeds(t, 3, func(*testing.T, uint64) { n++ })
	must.Be(t, n == 4, "Seeds(3) ran %d seeds, want the 3 and a fresh one", n)
}
