package session

import "github.com/ringtgt/ringtgt/pdu"

// reply is a queued PDU that belongs to no task.
type reply struct {
	h    pdu.BHS
	rule snRule
	data []byte  // immutable Go memory, or nil
	echo bool    // the data segment is head
	head pdu.BHS // the header that a Reject sends back (RFC 7143, 11.17.4)
}

// replyQueue is a FIFO of replies in a ring, which grows as needed, up to maxReplies.
type replyQueue struct {
	ring    []reply
	head, n int
}

// push adds a zeroed reply and returns it, or nil when there are too many.
func (q *replyQueue) push() *reply {
	if q.n == len(q.ring) {
		if q.n >= maxReplies {
			return nil
		}
		ring := make([]reply, max(4, 2*q.n))
		for i := range q.n {
			ring[i] = q.ring[(q.head+i)%len(q.ring)]
		}
		q.ring, q.head = ring, 0
	}
	r := &q.ring[(q.head+q.n)%len(q.ring)]
	q.n++
	*r = reply{}
	return r
}

// reply queues a response with header h. Its data, the text of a Login Response, must not change any more.
func (c *Conn) reply(h *pdu.BHS, data []byte) {
	c.replyWith(h, data, snNext)
}

func (c *Conn) replyWith(h *pdu.BHS, data []byte, rule snRule) *reply {
	r := c.replies.push()
	if r == nil {
		c.fail(errNotReading)
		return nil
	}
	r.h, r.data, r.rule = *h, data, rule
	r.h.SetDataLen(len(data))
	return r
}

// numbered returns how many of the queued replies will use up a StatSN.
func (q *replyQueue) numbered() (n uint32) {
	for i := range q.n {
		if q.ring[(q.head+i)%len(q.ring)].rule == snNext {
			n++
		}
	}
	return n
}

// next removes the PDU at the front of the queue, and returns how it uses StatSN.
func (q *replyQueue) next(ev *Event) snRule {
	r := &q.ring[q.head]
	q.head = (q.head + 1) % len(q.ring)
	q.n--
	ev.Kind = Send
	ev.Header = r.h
	switch {
	case r.echo:
		ev.Data, ev.Copy = r.head[:], true
	case len(r.data) > 0:
		ev.Data, ev.Keep = r.data, true
		r.data = nil // owned by the host from now on
	}
	return r.rule
}
