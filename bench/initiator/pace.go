package initiator

import "container/heap"

// pacer is a loop's queue of the connections that may send another request, by when it is due. The others have Depth in flight.
// It implements heap.Interface.
type pacer []*loopConn

func (p pacer) Len() int           { return len(p) }
func (p pacer) Less(i, j int) bool { return p[i].due.oldest < p[j].due.oldest }
func (p pacer) Swap(i, j int)      { p[i], p[j] = p[j], p[i] }
func (p *pacer) Push(c any)        { *p = append(*p, c.(*loopConn)) }

func (p *pacer) Pop() any {
	last := len(*p) - 1
	c := (*p)[last]
	(*p)[last], *p = nil, (*p)[:last]
	return c
}

// first returns when the next request is due.
func (p pacer) first() int64 {
	if len(p) == 0 {
		return never
	}
	return p[0].due.oldest
}

// behind returns how many requests are due before at and not sent.
func (l *loop) behind(at int64) (n uint64) {
	if l.w.Rate == 0 {
		return 0
	}
	for _, c := range l.conns {
		n += uint64(c.p.Queued())
		if l.w.Count == 0 || c.made < l.w.Count {
			n += c.due.behind(at)
		}
	}
	return n
}

// pace makes the requests that are due before until, on the connections that have room for them.
func (l *loop) pace(until int64) {
	for l.pacer.first() < until {
		c := l.pacer[0]
		if !c.room() {
			c.paced = false
			heap.Pop(&l.pacer)
			continue
		}
		due := c.due.oldest
		c.due.advance()
		heap.Fix(&l.pacer, 0)
		if due < c.freed {
			l.waited++
		} else {
			l.lag.Add(l.now - due)
		}
		c.issue(c.take(), due)
	}
}
