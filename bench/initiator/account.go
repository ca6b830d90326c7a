package initiator

import (
	"container/heap"
	"errors"
	"fmt"

	"github.com/ringtgt/ringtgt/bench/initiator/proto"
	"github.com/ringtgt/ringtgt/pdu"
)

// settle counts the requests that have ended and starts the next ones.
func (c *loopConn) settle() {
	for i := 0; i < len(c.over); i++ { // issuing may fail the connection
		cmd := c.over[i]
		r, ok := cmd.User.(*request)
		if !ok {
			continue
		}
		c.live--
		c.loop.live--
		if c.conclude(r) {
			c.release(r)
		}
	}
	c.over = c.over[:0]
	if c.asked && c.dead == nil {
		c.asked = false
		c.negotiate()
	}
}

// negotiate honors a request for negotiation, "by issuing a Text Request (that can be empty) on the same connection" (RFC 7143,
// 11.9.1).
func (c *loopConn) negotiate() {
	if err := c.p.Submit(&Command{Kind: KindText, TTT: pdu.ReservedTag, Immediate: true}); err != nil {
		c.fail(err)
		return
	}
	c.mark()
}

// release takes back a request that has ended; a closed loop issues its next one in it.
func (c *loopConn) release(r *request) {
	l := c.loop
	if l.w.Rate == 0 && l.issuing && c.more() {
		c.issue(r, l.now)
		return
	}
	c.free = append(c.free, r)
	if l.w.Rate > 0 && l.issuing && !c.paced && c.room() {
		c.paced, c.freed = true, l.now
		heap.Push(&l.pacer, c)
	}
}

// SCSI statuses after which a request is sent again (SAM-5, 5.3), and the sense key UNIT ATTENTION (SPC-4, 4.5.6).
const (
	statusGood           = 0x00
	statusCheckCondition = 0x02
	statusBusy           = 0x08
	statusTaskSetFull    = 0x28
	keyUnitAttention     = 0x06
)

// sum returns the counters of a request's direction.
func (c *loopConn) sum(r *request) *Sum {
	if r.cmd.Out != nil {
		return &c.report.Write
	}
	return &c.report.Read
}

// conclude accounts for a request that has ended; false: it was sent again.
func (c *loopConn) conclude(r *request) bool {
	l, res := c.loop, &r.cmd.Result
	if res.Err == nil && res.Response == pdu.ServiceResponseCompleted && res.Status == statusGood {
		if l.w.Verify && r.cmd.In != nil {
			at := r.lba * uint64(l.w.BlockLen)
			if bad := stamped(r.cmd.In, at, l.w.Seed); bad >= 0 {
				c.fault(r, fmt.Errorf("%w: logical block %d and on, byte %d", ErrMiscompare, r.lba, bad))
			}
		}
		if r.cmd.Out != nil {
			c.refused.done(r.write)
		}
		c.count(r)
		return true
	}
	if res.Err != nil {
		c.fault(r, res.Err)
		if rejected := new(RejectError); errors.As(res.Err, &rejected) {
			// Its CmdSN is a gap (RFC 7143, 7.3). A load does not plug it: behind it the window would close, and the run would wait.
			c.fail(res.Err)
		}
		return true
	}
	again := res.Status == statusTaskSetFull || res.Status == statusBusy
	if key, _, _, ok := proto.SenseCode(res.Sense); ok && res.Status == statusCheckCondition && key == keyUnitAttention {
		c.attentions++
		again = c.attentions <= maxAttentions
	}
	if again && (l.issuing || l.ended == endSize) && c.dead == nil {
		c.sum(r).Busy++
		c.submit(r)
		return false
	}
	if !again {
		c.fault(r, res.Good())
	} else {
		c.late(r)
	}
	return true
}

// count adds a request that succeeded.
func (c *loopConn) count(r *request) {
	l := c.loop
	if l.now >= l.endAt {
		c.late(r)
		return
	}
	if l.now < l.countFrom {
		return
	}
	s := c.sum(r)
	s.Requests++
	n := uint64(r.cmd.Result.Transferred)
	s.Bytes += n
	ns := l.now - r.since
	s.Latency.Add(ns)
	l.lastCounted = l.now
	if p := l.part; p != nil {
		if s == &c.report.Write {
			p.Writes++
		} else {
			p.Reads++
		}
		p.Bytes += n
		p.Latency.Add(ns)
	}
}

// late adds a request that was in flight when the measured part ended, with the latency that it has reached.
func (c *loopConn) late(r *request) {
	if l := c.loop; l.endAt > l.countFrom {
		s := c.sum(r)
		s.Late++
		s.Latency.Add(l.now - r.since)
	}
}

// undone counts the requests of an open loop that were due before the end and never sent, with the ages that they had
// reached. They are divided between reads and writes as the workload is.
func (c *loopConn) undone() {
	l, d := c.loop, &c.due
	if l.ended == endSize || l.endAt <= l.countFrom || c.limit > 0 && c.made >= c.limit {
		return
	}
	n := d.behind(l.endAt)
	reads := n * uint64(l.w.ReadPercent) / 100
	for _, x := range []struct {
		sum *Sum
		n   uint64
	}{{&c.report.Read, reads}, {&c.report.Write, n - reads}} {
		if x.n > 0 {
			x.sum.Undone += x.n
			x.sum.Latency.AddSpaced(x.n, l.endAt-d.oldest, d.gap*float64(n)/float64(x.n))
		}
	}
}

// fault counts an error. Where a write failed, reading it back finds no further one.
func (c *loopConn) fault(r *request, err error) {
	switch w := c.loop.w; {
	case w.readBack && c.refused.has(r.write):
		return
	case w.Verify && r.cmd.Out != nil:
		c.refused.add(r.write)
	}
	c.sum(r).Errors++
	if p := c.loop.part; p != nil {
		p.Errors++
	}
	if c.report.Err == nil {
		c.report.Err = err
	}
}
