package engine

import "github.com/ringtgt/ringtgt/lun"

// timers is a loop's heap of deadlines in monotonic nanoseconds. An entry belongs to an event or to a connection. A connection's
// real deadline is looked up when its entry is due, so that postponing a deadline costs nothing. A connection has at most one
// entry, and none when the loop has dropped it.
type timers struct{ heap []timer }

type timer struct {
	at    int64
	conn  *conn
	event lun.Event
}

func (t *timers) add(e timer) {
	t.heap = append(t.heap, timer{})
	t.up(len(t.heap)-1, e)
}

// arm sets c's entry to a deadline, unless it has an earlier one.
func (t *timers) arm(c *conn, at int64) {
	switch i := c.timer - 1; {
	case i < 0:
		t.add(timer{at: at, conn: c})
	case at < t.heap[i].at:
		t.up(i, timer{at: at, conn: c})
	}
}

// disarm removes c's entry.
func (t *timers) disarm(c *conn) {
	if c.timer > 0 {
		t.remove(c.timer - 1)
	}
}

// next returns the earliest deadline, 0 if there is none.
func (t *timers) next() int64 {
	if len(t.heap) == 0 {
		return 0
	}
	return t.heap[0].at
}

// due removes and returns the earliest entry if it is due at now.
func (t *timers) due(now int64) (timer, bool) {
	if len(t.heap) == 0 || t.heap[0].at > now {
		return timer{}, false
	}
	e := t.heap[0]
	t.remove(0)
	return e, true
}

func (t *timers) remove(i int) {
	if c := t.heap[i].conn; c != nil {
		c.timer = 0
	}
	n := len(t.heap) - 1
	e := t.heap[n]
	t.heap[n] = timer{}
	t.heap = t.heap[:n]
	switch {
	case i == n:
	case i > 0 && e.at < t.heap[(i-1)/2].at:
		t.up(i, e)
	default:
		t.down(i, e)
	}
}

// set puts e at index i.
func (t *timers) set(i int, e timer) {
	t.heap[i] = e
	if e.conn != nil {
		e.conn.timer = i + 1
	}
}

// up moves e from index i toward the root.
func (t *timers) up(i int, e timer) {
	for i > 0 {
		p := (i - 1) / 2
		if t.heap[p].at <= e.at {
			break
		}
		t.set(i, t.heap[p])
		i = p
	}
	t.set(i, e)
}

// down moves e from index i toward the leaves.
func (t *timers) down(i int, e timer) {
	n := len(t.heap)
	for {
		c := 2*i + 1
		if c >= n {
			break
		}
		if c+1 < n && t.heap[c+1].at < t.heap[c].at {
			c++
		}
		if e.at <= t.heap[c].at {
			break
		}
		t.set(i, t.heap[c])
		i = c
	}
	t.set(i, e)
}
