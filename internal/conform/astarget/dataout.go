package astarget

import (
	"slices"

	"github.com/ringtgt/ringtgt/pdu"
)

// takeDataOut judges and stores Data-Out.
func (c *conn) takeDataOut(r *received) {
	d := (*pdu.DataOut)(r.h)
	k := c.s.tasks[d.ITT()]
	if k == nil || !k.write {
		return // of a task that ended: it was aborted, or refused
	}
	c.want(k.c == c, "4.2.5.1/3", "Data-Out of ITT 0x%x, whose command came on connection %d", k.itt, k.c.n)
	if k.c != c {
		return
	}
	q := c.sequence(k, d)
	if q == nil {
		return
	}
	c.judgeDataOut(k, q, d, len(r.data))
	if r.badDat {
		c.reject(pdu.RejectDataDigestError, r.h)
		k.failed = true
	}
	n, at := uint32(len(r.data)), d.BufferOffset()
	if at <= k.edtl && n <= k.edtl-at {
		k.store(at, r.data)
	}
	q.got += n
	q.pdus++
	if q.pdus > maxSequence {
		c.end("a sequence of Data-Out without an end")
		return
	}
	if d.Final() || q.got >= q.length {
		c.sequenceDone(k, q)
	}
}

// sequence finds the sequence that a Data-Out belongs to, nil if it belongs to none.
func (c *conn) sequence(k *task, d *pdu.DataOut) *sequence {
	if d.TTT() == pdu.ReservedTag {
		if c.s.p.initialR2T {
			c.broke("11.8/1", "Data-Out of ITT 0x%x that no R2T asked for", k.itt)
			return nil
		}
		c.want(k.unsol != nil, "11.7.4/0", "Data-Out of ITT 0x%x without a Target Transfer Tag, when none is due", k.itt)
		if k.unsol != nil {
			c.want(c.burst[0] == k, "4.2.5.2/7", "unsolicited data of ITT 0x%x before those of ITT 0x%x", k.itt, c.burst[0].itt)
		}
		return k.unsol
	}
	i := slices.IndexFunc(k.r2ts, func(q *sequence) bool { return q.ttt == d.TTT() })
	c.want(i >= 0, "11.7.4/0", "Data-Out of ITT 0x%x with Target Transfer Tag 0x%x, which no R2T has that waits", k.itt, d.TTT())
	if i < 0 {
		return nil
	}
	c.want(i == 0, "11.8/8", "data for R2T %d before those for the one before it", i+1)
	c.want(d.LUN() == k.lun, "4.2.5.3/1", "LUN %x where the command has %x", d.LUN(), k.lun)
	return k.r2ts[i]
}

// judgeDataOut judges a Data-Out within its sequence.
func (c *conn) judgeDataOut(k *task, q *sequence, d *pdu.DataOut, length int) {
	n, at := uint32(length), d.BufferOffset()
	solicited := q.ttt != pdu.ReservedTag
	c.want(d.DataSN() == q.pdus, "4.2.2.4/1", "DataSN %d in PDU %d of the sequence", d.DataSN(), q.pdus)
	if c.s.p.pduInOrder {
		c.want(at == q.from+q.got, "11.8/6", "offset %d where %d is the next", at, q.from+q.got)
	}
	end := uint64(at) + uint64(n)
	c.want(end <= uint64(k.edtl), "11.7.6/0", "bytes up to %d of %d", end, k.edtl)
	inside := at >= q.from && end <= uint64(q.from)+uint64(q.length)
	if solicited {
		c.want(inside, "11.8/4", "bytes %d to %d for an R2T of %d to %d", at, end, q.from, q.from+q.length)
	} else {
		c.want(inside, "4.2.5.2/1", "unsolicited bytes %d to %d with FirstBurstLength %d", at, end, c.s.p.firstBurst)
	}
	if !d.Final() {
		c.want(n%4 == 0, "11.7.7/2", "%d bytes without the F bit", n)
	}
	got := q.got + n
	limit := c.s.p.firstBurst
	if solicited {
		limit = c.s.p.maxBurst
	}
	c.want(got <= limit, "11.7.1/2", "%d bytes in a sequence", got)
	whole := got >= q.length
	switch {
	case whole:
		c.want(d.Final(), "11.8/5", "the last PDU of a sequence has no F bit")
		c.kept(map[bool]string{true: "4.2.5.2/3", false: "4.2.5.2/2"}[solicited])
		if !solicited && k.edtl > c.s.p.firstBurst {
			c.kept("11.3.4/3")
		}
	case d.Final() && solicited:
		c.broke("4.2.5.2/3", "%d of %d bytes for an R2T", got, q.length)
	case d.Final():
		c.broke("4.2.5.2/2", "%d of %d bytes of unsolicited Data-Out", got, q.length)
		if k.edtl > c.s.p.firstBurst {
			c.broke("11.3.4/3", "%d of %d bytes of unsolicited Data-Out", got, q.length)
		}
	}
}

// sequenceDone goes on after a sequence.
func (c *conn) sequenceDone(k *task, q *sequence) {
	if q == k.unsol {
		k.unsol = nil
		c.burst = slices.DeleteFunc(c.burst, func(o *task) bool { return o == k })
		k.got = max(k.got, min(q.from+q.got, k.need))
		k.asked = k.got
	} else {
		k.r2ts = slices.DeleteFunc(k.r2ts, func(o *sequence) bool { return o == q })
		if len(k.r2ts) == 0 && k.asked >= k.need {
			k.got = k.need
		} else if !k.back {
			k.got = max(k.got, min(q.from+q.got, k.need))
		}
	}
	k.proceed()
}

// solicit sends as many R2Ts as may be outstanding (RFC 7143, 11.8).
func (k *task) solicit() {
	p := &k.c.s.p
	k.asked = max(k.asked, k.got)
	length := p.maxBurst
	if k.piece > 0 {
		length = min(k.piece, length)
	}
	var more []*sequence
	for len(k.r2ts)+len(more) < int(p.outstandingR2T) && k.asked < k.need {
		q := &sequence{ttt: k.c.s.ttt(), from: k.asked, length: min(length, k.need-k.asked)}
		k.asked += q.length
		more = append(more, q)
	}
	if k.back && !p.sequenceInOrder {
		slices.Reverse(more)
	}
	for _, q := range more {
		k.r2ts = append(k.r2ts, q)
		var h pdu.BHS
		h.Init(pdu.OpR2T)
		r := (*pdu.R2T)(&h)
		r.SetLUN(k.lun)
		r.SetITT(k.itt)
		r.SetTTT(q.ttt)
		r.SetR2TSN(k.r2tSN)
		r.SetBufferOffset(q.from)
		r.SetDesiredDataTransferLength(q.length)
		k.r2tSN++
		k.c.send(&h, nil, false)
	}
}
