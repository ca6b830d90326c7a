package engine

import (
	"context"
	"log/slog"
)

// lines limits the log lines of a loop about one kind of event that peers can cause: to burst at once, and most in each lineInterval
// in the long run. The next line states how many were left out.
type lines struct {
	most, burst int
	at          int64 // until when have is right; 0 before the first line
	have        int   // lines that may be logged
	left        int   // left out since the last line
}

// allow reports whether a line may be logged now, and how many were left out before it.
func (b *lines) allow(now int64) (ok bool, left int) {
	each := lineInterval / int64(b.most)
	if b.at == 0 {
		b.at, b.have = now, b.burst
	} else if more := (now - b.at) / each; more > 0 {
		b.at += more * each
		b.have = min(b.have+int(more), b.burst)
	}
	if b.have == 0 {
		b.left++
		return false, 0
	}
	b.have--
	left, b.left = b.left, 0
	return true, left
}

// about logs a line of one kind, unless there were too many.
func (l *loop) about(b *lines, level slog.Level, msg string, args ...any) {
	ok, left := b.allow(l.now)
	if !ok {
		return
	}
	if left > 0 {
		args = append(args, "left_out", left)
	}
	l.engine.log.Log(context.Background(), level, msg, args...)
}
