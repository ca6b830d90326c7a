package cold

import (
	"strings"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
)

// The responder reads the options that it was started with.
func TestArgs(t *testing.T) {
	want := Options{Memory: 16 << 20, Pages: Small, Poll: 30 * time.Microsecond, Recv: Single}
	var got Options
	must.OK(t, got.flags("cold").Parse(want.Args()))
	check.Equal(t, got, want, "options of %q", want.Args())
	for _, args := range [][]string{{"-memory=1"}, {"-pages=large"}, {"-poll=2s"}, {"-recv=all"}, {"-what"}} {
		if err := Main(args); err == nil || !strings.Contains(err.Error(), args[0]) {
			t.Errorf("%q: %v", args, err)
		}
	}
}

// Every change that the table does not have panics.
func TestIllegalReceives(t *testing.T) {
	legal := 0
	for from := range receives {
		for to := range receives {
			func() {
				defer func() {
					if recover() == nil {
						legal++
					}
				}()
				r := receive(from)
				r.to(receive(to))
			}()
		}
	}
	check.Equal(t, legal, 8, "changes that do not panic")
}

func TestAnonHuge(t *testing.T) {
	check.Equal(t, anonHuge([]byte("Rss: 12 kB\nAnonHugePages:    2048 kB\nShmemPmdMapped: 0 kB\n")), int64(2<<20), "one huge page")
	check.Equal(t, anonHuge([]byte("Rss: 12 kB\n")), int64(0), "no line")
}
