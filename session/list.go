package session

// taskList is a queue of tasks, first in first out. A task is on at most one list, st.on.
type taskList struct {
	head, tail *Task
}

func (l *taskList) push(t *Task) {
	if t.st.on != nil {
		panic("session: task is on a list already")
	}
	t.st.on = l
	t.st.prev = l.tail
	if l.tail == nil {
		l.head = t
	} else {
		l.tail.next = t
	}
	l.tail = t
}

func (l *taskList) pop() *Task {
	t := l.head
	if t != nil {
		t.unlist()
	}
	return t
}

// unlist takes t off the list that it is on, if any.
func (t *Task) unlist() {
	l := t.st.on
	if l == nil {
		return
	}
	if t.st.prev == nil {
		l.head = t.next
	} else {
		t.st.prev.next = t.next
	}
	if t.next == nil {
		l.tail = t.st.prev
	} else {
		t.next.st.prev = t.st.prev
	}
	t.next, t.st.prev, t.st.on = nil, nil, nil
}

// tagTable finds a connection's tasks by Initiator Task Tag. Every task is in it from the arrival of its header until its final
// response is taken for sending, when the initiator may use the tag again (RFC 7143, 11.2.1.8).
type tagTable struct {
	buckets [tagBuckets]*Task
	n       int
}

func tagBucket(itt uint32) uint32 { return itt * 0x9e3779b1 >> 24 % tagBuckets }

func (tt *tagTable) find(itt uint32) *Task {
	t := tt.buckets[tagBucket(itt)]
	for t != nil && t.ITT != itt {
		t = t.st.chain
	}
	return t
}

func (tt *tagTable) add(t *Task) {
	b := &tt.buckets[tagBucket(t.ITT)]
	t.st.chain, *b = *b, t
	tt.n++
}

func (tt *tagTable) remove(t *Task) {
	p := &tt.buckets[tagBucket(t.ITT)]
	for *p != t {
		p = &(*p).st.chain
	}
	*p, t.st.chain = t.st.chain, nil
	tt.n--
}

// each calls fn for every task; fn may remove the task it is given, and no other.
func (tt *tagTable) each(fn func(*Task)) {
	left := tt.n
	for i := 0; left > 0; i++ {
		for t := tt.buckets[i]; t != nil; left-- {
			next := t.st.chain
			fn(t)
			t = next
		}
	}
}
