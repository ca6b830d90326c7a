package session

import (
	"slices"
	"time"
)

// A session whose last connection was lost is kept for another to continue it (RFC 7143, 6.3.6). It costs its nexus and the
// lost connection's place with its loop, so there is a bound to the time and to the number.

// keepFor is how long the session waits for a connection, in ns; 0: it ends with its last one. Time2Wait, during which the
// initiator does not come, counts.
func (p *Params) keepFor() int64 {
	if p.DefaultTime2Retain == 0 {
		return 0
	}
	return min(int64(p.DefaultTime2Wait)+int64(p.DefaultTime2Retain), DefaultTime2Retain) * int64(time.Second)
}

// mayRetain is how much of the time is left for Time2Retain (13.16) beside Time2Wait (13.15).
func (p *Params) mayRetain() uint32 {
	return DefaultTime2Retain - min(uint32(p.DefaultTime2Wait), DefaultTime2Retain)
}

// keeps notes that c keeps its session. Where that makes too many, the one that has been kept longest ends: of the
// initiator's own, or of all. So an initiator that comes and goes shortens its own wait first.
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
	oldest.host.Post(oldest.expire)
}

// keptNoMore follows the end of that, whatever it was.
func (r *registry) keptNoMore(c *Conn) {
	r.mu.Lock()
	r.kept = slices.DeleteFunc(r.kept, func(o *Conn) bool { return o == c })
	r.mu.Unlock()
}
