package lun

// taskQueue is a queue of tasks at a gate, linked by gateNext. A task is in at most one.
type taskQueue struct{ head, tail *Task }

func (q *taskQueue) push(t *Task) {
	t.gateNext = nil
	if q.head == nil {
		q.head = t
	} else {
		q.tail.gateNext = t
	}
	q.tail = t
}

func (q *taskQueue) pushFront(t *Task) {
	t.gateNext = q.head
	q.head = t
	if q.tail == nil {
		q.tail = t
	}
}

func (q *taskQueue) pop() *Task {
	t := q.head
	if t != nil {
		q.remove(t)
	}
	return t
}

func (q *taskQueue) remove(t *Task) {
	var prev *Task
	for w := q.head; w != nil; prev, w = w, w.gateNext {
		if w != t {
			continue
		}
		if prev == nil {
			q.head = t.gateNext
		} else {
			prev.gateNext = t.gateNext
		}
		if q.tail == t {
			q.tail = prev
		}
		t.gateNext = nil
		return
	}
}
