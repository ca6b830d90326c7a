package engine

// lines limits the log lines of a loop about one kind of event that peers can cause to most lines in lineInterval. The next line
// states how many were left out.
type lines struct {
	most int
	from int64 // when the interval began
	n    int   // lines in it
	left int   // left out since the last line
}

// allow reports whether a line may be logged now, and how many were left out before it.
func (b *lines) allow(now int64) (ok bool, left int) {
	if b.from == 0 || now-b.from >= lineInterval {
		b.from, b.n = now, 0
	}
	if b.n >= b.most {
		b.left++
		return false, 0
	}
	b.n++
	left, b.left = b.left, 0
	return true, left
}

// about logs a line of one kind, unless there were too many.
func (l *loop) about(b *lines, say func(msg string, args ...any), msg string, args ...any) {
	ok, left := b.allow(l.now)
	if !ok {
		return
	}
	if left > 0 {
		args = append(args, "left_out", left)
	}
	say(msg, args...)
}
