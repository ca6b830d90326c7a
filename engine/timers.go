package engine

// timers is a loop's heap of deadlines in monotonic nanoseconds. An entry is either a connection's (its protocol is asked
// for its real deadline when the entry comes up, so that a deadline that moves away costs nothing) or a function's.
type timers struct{ heap []timer }

type timer struct {
	at   int64
	conn *conn
	fn   func()
}

func (t *timers) add(e timer) {
	t.heap = append(t.heap, e)
	i := len(t.heap) - 1
	for i > 0 {
		p := (i - 1) / 2
		if t.heap[p].at <= t.heap[i].at {
			break
		}
		t.heap[p], t.heap[i] = t.heap[i], t.heap[p]
		i = p
	}
}

// next is the earliest deadline, 0 when there is none.
func (t *timers) next() int64 {
	if len(t.heap) == 0 {
		return 0
	}
	return t.heap[0].at
}

// due takes the earliest entry if it is due at now.
func (t *timers) due(now int64) (timer, bool) {
	if len(t.heap) == 0 || t.heap[0].at > now {
		return timer{}, false
	}
	e := t.heap[0]
	n := len(t.heap) - 1
	t.heap[0] = t.heap[n]
	t.heap[n] = timer{}
	t.heap = t.heap[:n]
	i := 0
	for {
		c := 2*i + 1
		if c >= n {
			break
		}
		if c+1 < n && t.heap[c+1].at < t.heap[c].at {
			c++
		}
		if t.heap[i].at <= t.heap[c].at {
			break
		}
		t.heap[i], t.heap[c] = t.heap[c], t.heap[i]
		i = c
	}
	return e, true
}
