package lun

// Commands change reservations one at a time, each as "a single indivisible event" (SPC-4 5.13.1), although saving them
// takes time: a command that changes them takes the unit's turn, and those that arrive meanwhile wait in line.

// prWaiter is a command in line.
type prWaiter struct {
	t    *Task
	step taskStep
}

// Happen runs the command's step when it has its turn.
func (w prWaiter) Happen() {
	if w.t.Aborted() { // resume ends it, without the step
		w.t.unit.endTurn()
	}
	w.t.resume(w.step)
}

// turn runs step on t's loop, now or later, when t is the only command that changes u's reservations. The step, or the saver that
// it starts, calls endTurn.
func (u *Unit) turn(t *Task, step taskStep) {
	u.mu.Lock()
	if u.pr.busy {
		u.pr.waiting = append(u.pr.waiting, prWaiter{t, step})
		u.mu.Unlock()
		return
	}
	u.pr.busy = true
	u.mu.Unlock()
	taskSteps[step](t)
}

// endTurn passes the turn to the next command in line. Any loop may call it.
func (u *Unit) endTurn() {
	u.mu.Lock()
	if len(u.pr.waiting) == 0 {
		u.pr.busy, u.pr.waiting = false, nil
		u.mu.Unlock()
		return
	}
	w := u.pr.waiting[0]
	u.pr.waiting = u.pr.waiting[1:]
	u.mu.Unlock()
	w.t.Loop.Post(w)
}
