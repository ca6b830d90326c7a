package session

// dataWatch is a deadline for the data of writes. A write holds memory from its header on, and pings would keep a connection
// alive whose data never arrives. There is one deadline for each connection, checked only when it is due: a write costs one
// store.
type dataWatch struct {
	timeout int64 // ns
	by      int64 // next check; 0 if no data is known to be outstanding
	came    int64 // when data last arrived
}

// configure changes the timeout. What is outstanding is checked at once.
func (d *dataWatch) configure(now, timeout int64) {
	if d.timeout != timeout && d.by != 0 {
		d.by = now
	}
	d.timeout = timeout
}

// wanted records that t's data is outstanding from now on.
func (d *dataWatch) wanted(t *Task, now int64) {
	t.st.out.since = now
	if d.by == 0 {
		d.by = now + d.timeout
	}
}

// late reports whether data has been outstanding for the timeout and none has arrived in that time. Data that is queued behind
// other tasks' data is not late.
func (d *dataWatch) late(now int64, tasks *tagTable) bool {
	if d.by == 0 || now < d.by {
		return false
	}
	d.by = 0
	tasks.each(func(t *Task) {
		if t.st.kind != kindCommand || !t.st.out.pending() {
			return
		}
		if by := max(t.st.out.since, d.came) + d.timeout; d.by == 0 || by < d.by {
			d.by = by
		}
	})
	return d.by != 0 && d.by <= now
}
