package initiator

// pacer is a loop's queue of the connections that may send another request, by when it is due: a binary heap. The others
// have Depth under way.
type pacer []*loopConn

func (p pacer) less(i, j int) bool { return p[i].due.oldest < p[j].due.oldest }

func (p *pacer) push(c *loopConn) {
	h := append(*p, c)
	for i := len(h) - 1; i > 0 && h.less(i, (i-1)/2); i = (i - 1) / 2 {
		h[i], h[(i-1)/2] = h[(i-1)/2], h[i]
	}
	*p = h
}

// first returns when the next request is due.
func (p pacer) first() int64 {
	if len(p) == 0 {
		return never
	}
	return p[0].due.oldest
}

// settle puts the front where it belongs after its schedule moved on.
func (p pacer) settle() {
	for i := 0; ; {
		least := i
		for _, child := range [2]int{2*i + 1, 2*i + 2} {
			if child < len(p) && p.less(child, least) {
				least = child
			}
		}
		if least == i {
			return
		}
		p[i], p[least] = p[least], p[i]
		i = least
	}
}

// pop takes the front out.
func (p *pacer) pop() {
	h := *p
	last := len(h) - 1
	h[0], h[last] = h[last], nil
	*p = h[:last]
	p.settle()
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
			l.pacer.pop()
			continue
		}
		due := c.due.oldest
		c.due.advance()
		l.pacer.settle()
		if due < c.freed {
			l.waited++
		} else {
			l.lag.Add(l.now - due)
		}
		c.issue(c.take(), due)
	}
}
