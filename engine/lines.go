package engine

// lines bounds the lines that a loop writes to the log about one kind of thing that peers can bring about: so many in
// lineInterval. The next one says how many were left out.
type lines struct {
	most int
	from int64 // when the interval began
	n    int   // lines in it
	left int   // out, since the last one
}

// allow says whether a line may be written now, and how many were left out before it.
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

// about writes a line of the kind, if it may.
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
