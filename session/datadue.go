package session

// dataWatch is a deadline for the data of writes. A write holds memory from its header on, and pings would keep a connection
// alive whose data never comes. There is one deadline for each connection, checked only when it is due: a write costs one
// store.
type dataWatch struct {
	by   int64 // next check; 0: no data is known to be outstanding
	came int64 // when data last arrived
}

// dataWanted notes that t's data is outstanding from now on.
func (t *Task) dataWanted() {
	c := t.Conn
	t.st.out.since = c.now
	if c.data.by == 0 {
		c.data.by = c.now + c.node.cfg.DataTimeout
	}
}

// dataAdvance ends a connection if data has been outstanding for DataTimeout and none has arrived in that time. Data that is
// queued behind other tasks' data is not late.
func (c *Conn) dataAdvance(now int64) {
	d := &c.data
	if d.by == 0 || now < d.by || c.end.deaf() {
		return
	}
	d.by = 0
	c.tags.each(func(t *Task) {
		if t.st.kind != kindCommand || !t.st.out.pending() {
			return
		}
		if by := max(t.st.out.since, d.came) + c.node.cfg.DataTimeout; d.by == 0 || by < d.by {
			d.by = by
		}
	})
	if d.by != 0 && d.by <= now {
		c.fail(errNoData)
	}
}
