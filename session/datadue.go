package session

// dataWatch is a deadline for the data of writes. A write has memory from its header on, and pings keep a connection alive whose
// data never comes. It is one for a connection, and looked at when it is due: a write costs a store.
type dataWatch struct {
	by   int64 // when to look whether data is late, 0: none is awaited, as far as is known
	came int64 // when data came last
}

// dataWanted notes that t's data is awaited from now on.
func (c *Conn) dataWanted(t *Task) {
	t.st.out.since = c.now
	if c.data.by == 0 {
		c.data.by = c.now + c.node.cfg.DataTimeout
	}
}

// dataAdvance ends a connection of which no data has come for DataTimeout, while some was awaited for as long. What comes late
// because others' data is before it is not late.
func (c *Conn) dataAdvance(now int64) {
	d := &c.data
	if d.by == 0 || now < d.by || c.end.deaf {
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
