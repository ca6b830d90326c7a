package engine

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/session"
)

// Peers cannot fill the log: after a burst, lines are bounded in time, and the number of those left out is logged.
func TestLines(t *testing.T) {
	b := lines{most: 3, burst: 5}
	now := int64(1)
	wrote, left := 0, 0
	for range 1000 {
		if ok, out := b.allow(now); ok {
			wrote++
			left += out
		}
		now += lineInterval / 100
	}
	must.Be(t, wrote == 34 && wrote+left+b.left == 1000, "%d lines, %d reported as left out, %d not yet reported", wrote, left, b.left)
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// A connection for which the loop's table has no room is closed and counted, and logged once in an interval.
func TestRefusedConnectionsAreCounted(t *testing.T) {
	log := new(lockedBuffer)
	r := newRigWith(t, Config{Cores: make([]int, 1), Log: slog.New(slog.NewTextHandler(log, nil))}, session.NodeConfig{}, memory(t, 1<<20))
	r.e.each(func(l *loop) { l.room = 2 })
	var held []net.Conn
	for range 7 {
		c := must.Get(net.Dial("tcp", r.addr))(t)
		defer c.Close()
		held = append(held, c)
	}
	refused := 0
	for _, c := range held[2:] {
		if _, err := c.Read(make([]byte, 1)); err != nil && err != io.EOF && !strings.Contains(err.Error(), "reset") {
			t.Fatal(err)
		}
		refused++
	}
	if got := r.e.Status().Loops[0].Stats; got.Refused != uint64(refused) || got.Accepted != 2 {
		t.Errorf("%d refused, %d accepted; want 5 and 2", got.Refused, got.Accepted)
	}
	if n := strings.Count(log.String(), "no room for another connection"); n != 1 {
		t.Errorf("%d lines:\n%s", n, log)
	}
}
