package session

import (
	"slices"
	"time"
)

// A session that has lost its last connection is kept, so that a new connection can continue it (RFC 7143, 6.3.6). It holds its
// nexus and the lost connection's entry in its loop's table, so both the time and the number of kept sessions are bounded.

// keepFor returns how long the session waits for a new connection, in ns. If it is 0, the session ends with its last connection.
// Time2Wait, during which the initiator must not reconnect, is part of that time.
func (p *Params) keepFor() int64 {
	if p.DefaultTime2Retain == 0 {
		return 0
	}
	return min(int64(p.DefaultTime2Wait)+int64(p.DefaultTime2Retain), DefaultTime2Retain) * int64(time.Second)
}

// mayRetain returns the largest Time2Retain (13.16) that the bound allows beside Time2Wait (13.15), in seconds.
func (p *Params) mayRetain() uint32 {
	return DefaultTime2Retain - min(uint32(p.DefaultTime2Wait), DefaultTime2Retain)
}

// keeps records that c keeps its session. If there are too many, the one kept longest ends: among the initiator's own if those are
// too many, else among all. So an initiator that keeps losing sessions shortens its own wait first.
func (r *registry) keeps(c *Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kept = append(r.kept, c)
	var oldest *Conn
	own := 0
	for _, o := range r.kept {
		if o.sess.InitiatorName == c.sess.InitiatorName {
			if own++; own == 1 {
				oldest = o
			}
		}
	}
	switch {
	case own > maxKeptOfOne:
	case len(r.kept) > maxKept:
		oldest = r.kept[0]
	default:
		return
	}
	r.kept = slices.DeleteFunc(r.kept, func(o *Conn) bool { return o == oldest })
	oldest.host.Post(Message{kind: messageExpire, reason: errTooManyKept})
}

// keptNoMore records that c no longer keeps its session, for whatever reason.
func (r *registry) keptNoMore(c *Conn) {
	r.mu.Lock()
	r.kept = slices.DeleteFunc(r.kept, func(o *Conn) bool { return o == c })
	r.mu.Unlock()
}
