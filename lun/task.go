package lun

// Attr is a SCSI task attribute (SAM-5 8.9), in the iSCSI encoding (RFC 7143 11.3.1).
type Attr uint8

const (
	AttrUntagged Attr = 0
	AttrSimple   Attr = 1
	AttrOrdered  Attr = 2
	AttrHead     Attr = 3
	AttrACA      Attr = 4
)

// Task is one SCSI command from Start to TaskOwner.TaskDone. The engine embeds it in its own task and reuses it: Reset
// before each use, never between Start and TaskDone. All of it belongs to the loop that started it.
type Task struct {
	// Set by the engine once. The task is always executed on one loop.
	Owner TaskOwner
	Loop  Loop

	// Set by the engine before Plan.
	Nexus *Nexus
	LUN   uint64 // the 8 bytes of RFC 7143 11.2.1.7 / SAM-5 4.7, big endian
	CDB   [16]byte

	// Set by the engine before Start.
	LongCDB bool // the CDB continued in an AHS: no supported command has more than 16 bytes
	Attr    Attr
	Out     []byte // data-out that has arrived; len(Out) <= Plan's out
	Buf     []byte // memory for data-in, as many bytes as Plan's in
	// Expected is the EXPECTED DATA TRANSFER LENGTH of a command that writes (RFC 7143 11.3.4), for the commands whose
	// data-out must have an exact length (COMPARE AND WRITE, WRITE SAME): Out holds no more than the CDB accepts.
	Expected int64

	// Set by the device server before TaskDone.
	Status Status
	In     []byte // data-in; in Buf, or in a Mapped backend's memory. The engine cuts it to the EDTL and reports residuals
	// RequiredOut and RequiredIn are how many bytes the CDB asks to transfer in each direction, for residuals (RFC 7143 11.4.5).
	// RequiredIn is what the command returns, so to return less than the allocation length is not an underflow; nor is there one
	// if the command failed.
	RequiredOut, RequiredIn int64
	SenseLen                int
	Sense                   [SenseSize]byte

	unit      *Unit
	cmd       *command
	badAction bool // the operation code is known, its service action is not
	resolved  bool // Plan found unit, cmd and the required lengths
	req       Request
	step      requestStep // what to do when req has completed
	phase     taskPhase
	fate      taskFate
	driver    driver
	sanitizer *sanitizer // the operation that the task waits for, nil if none
	copy      *copyOp    // EXTENDED COPY: it waits for tasks of its own
	todo      todo
	reqErr    error
	burst     int64 // bytes done since the loop last got a turn
	queued    int64 // ns
	gated     gateState
	gateNext  *Task
	scratch   taskScratch
}

// TaskOwner gets its task back.
type TaskOwner interface {
	// TaskDone is called on t's loop, exactly once for each Start.
	TaskDone(t *Task)
}

// taskScratch is the state of a command between its steps.
type taskScratch struct {
	lba    uint64
	blocks uint64
	off    int64       // the next byte of the medium
	left   int64       // bytes to go
	moved  int64       // bytes (or descriptors) done
	kind   OpKind      // for commands on ranges
	check  byteCheck   // for commands that compare
	work   []byte      // from Loop.Alloc; freed when the task ends
	then   requestStep // what follows a write through the cache: see Task.write
	cause  error       // why that write failed
	any    any         // state of a command outside the data path
}

// borrow allocates a work buffer of one piece, n bytes at most. If there is none it ends t with BUSY and returns false.
func (t *Task) borrow(n int64) bool { return t.borrowAll(min(n, ioPiece)) }

// borrowAll allocates a work buffer of n bytes. If there is none it ends t with BUSY and returns false.
func (t *Task) borrowAll(n int64) bool {
	b := t.Loop.Alloc(int(n))
	if b == nil {
		t.busy()
		return false
	}
	t.scratch.work = b[:n]
	return true
}

// offered returns how much data-out the initiator wanted to send, even if the command accepts less.
func (t *Task) offered() int64 { return max(int64(len(t.Out)), t.Expected) }

// spent counts n bytes processed without I/O. It returns true if the task should yield the loop to others.
func (t *Task) spent(n int64) bool {
	if t.burst += n; t.burst < loopSlice {
		return false
	}
	t.burst = 0
	return true
}

// todo is what drive does when a step has returned.
type todo uint8

const (
	todoWait todo = iota // a completion or event continues the task
	todoIO               // submit req
	todoEnd              // TaskDone
)

// Reset makes t ready for use again. Owner and Loop stay.
func (t *Task) Reset() { *t = Task{Owner: t.Owner, Loop: t.Loop} }

// Aborted reports whether Abort or Abandon was called before the task ended: its answer, if any, is not sent.
func (t *Task) Aborted() bool { return t.fate >= fateAborted }

// Abandoned reports whether Abandon was called.
func (t *Task) Abandoned() bool { return t.fate == fateAbandoned }

// Unit returns the unit that the task addresses, nil if there is none (or before Plan).
func (t *Task) Unit() *Unit { return t.unit }

// Start carries out the command. Owner.TaskDone is called when it has ended, exactly once, possibly before Start returns.
func (t *Task) Start() {
	t.phaseIs(taskRunning)
	t.driver = driverStepping
	t.dispatch()
	t.drive()
}

// Abort aborts the task (SAM-5 7.2). A task at the gate ends at once; one in the backend ends when the backend answers.
func (t *Task) Abort() { t.abort() }

// abort reports whether the task has ended; then it belongs to the engine again.
func (t *Task) abort() bool {
	if !t.underWay() {
		return true
	}
	t.fate = max(t.fate, fateAborted)
	if t.phase == taskAtGate && t.unit.gate.cancel(t) {
		t.end(StatusTaskAborted)
		return true
	}
	if t.copy != nil {
		return t.copy.giveUp()
	}
	if s := t.sanitizer; s != nil {
		t.sanitizer, s.waiter = nil, nil
		t.end(StatusTaskAborted)
		return true
	}
	return false
}

// Abandon is for a backend that does not answer: it aborts the task and takes it out of the gate, so that the unit continues
// without it, except on the blocks that its request may still change (gate_late.go). The backend still owns the request:
// TaskDone is called when the backend answers, if ever, and until then the task and its buffers must not be reused.
//
// Abandon returns false if the task is changing the unit's own state (reservations, mode pages), which cannot be held back from
// other tasks; then the abort must wait for TaskDone.
func (t *Task) Abandon() bool {
	if !t.underWay() || t.Abandoned() {
		return true
	}
	if t.phase == taskSaving {
		return false
	}
	t.fate = fateAbandoned
	if t.abort() || t.unit == nil {
		return true
	}
	if t.phase == taskInBackend && t.req.Kind.changes() {
		t.unit.gate.linger(t)
	} else { // a task that the gate has just admitted leaves in gatePassed
		t.unit.gate.leave(t)
	}
	return true
}

// underWay reports whether the task has started and has not ended.
func (t *Task) underWay() bool { return t.phase != taskIdle && t.phase != taskEnded }

// submit starts t.req; next gets its result. Call it last in a step.
func (t *Task) submit(next requestStep) {
	t.step = next
	t.todo = todoIO
	if t.driver == driverOff {
		t.driver = driverStepping
		t.drive()
	}
}

// io fills t.req and submits it.
func (t *Task) io(kind OpKind, off int64, buf []byte, fua bool, next requestStep) {
	t.req = Request{Kind: kind, FUA: fua, Off: off, Len: int64(len(buf)), Buf: buf, Done: (*taskIO)(t)}
	t.submit(next)
}

// ioRange is io for a request without a buffer: OpSync, OpDiscard, OpZero.
func (t *Task) ioRange(kind OpKind, off, n int64, next requestStep) {
	t.req = Request{Kind: kind, Off: off, Len: n, Done: (*taskIO)(t)}
	t.submit(next)
}

// save saves s on a helper goroutine, then makes it effective on t's loop, even if the task is aborted meanwhile, so that the
// saved and the current state stay the same. It ends the task.
func (t *Task) save(s saver) {
	t.phaseIs(taskSaving)
	t.Loop.Go(saving{t, s})
}

func (t *Task) saved(s saver) {
	t.phaseIs(taskRunning)
	t.driver = driverStepping
	s.saved(t)
	if t.Aborted() && t.phase == taskEnded { // the result is not sent
		t.Status, t.SenseLen = StatusTaskAborted, 0
	}
	t.drive()
}

// pause yields the loop, then continues with a step.
func (t *Task) pause(next taskStep) { t.Loop.Post(taskEvent{t, next}) }

// resume runs a step of the task when an event occurs.
func (t *Task) resume(next taskStep) {
	if t.enter() {
		taskSteps[next](t)
	}
	t.drive()
}

// enter begins a step when an event or completion occurs. It returns false if the task was aborted, and ends. The caller calls drive
// afterwards.
func (t *Task) enter() bool {
	t.driver = driverStepping
	if t.Aborted() {
		t.end(StatusTaskAborted)
		return false
	}
	return true
}

// drive carries out what steps ask for until the task must wait, so that a backend that completes inside Submit does not
// cause recursion. It does not access t after TaskDone.
func (t *Task) drive() {
	for {
		switch t.todo {
		case todoEnd:
			t.driver = driverOff
			t.finish()
			return
		case todoWait:
			t.driver = driverOff
			return
		case todoIO:
			t.todo = todoWait
			if t.Aborted() {
				t.end(StatusTaskAborted)
				continue
			}
			if t.burst += t.req.Len; t.burst > loopSlice && t.burst != t.req.Len {
				t.burst = 0
				t.pause(stepSubmit)
				continue
			}
			t.driver = driverSubmitting
			t.unit.submit(t.Loop, &t.req)
			answered := t.driver == driverAnswered
			t.driver = driverStepping
			if answered {
				t.step.take(t, t.reqErr)
			} else {
				t.phaseIs(taskInBackend)
			}
		}
	}
}

func (t *Task) resubmit() { t.todo = todoIO }

// taskIO keeps RequestDone out of Task's own methods.
type taskIO Task

// RequestDone implements Completion.
func (d *taskIO) RequestDone(_ *Request, err error) {
	t := (*Task)(d)
	if err != nil && t.req.Kind != OpSync { // the flusher records the errors of flushes
		t.unit.faulted(t.Loop, &t.req, err)
		if t.Aborted() && t.req.FUA && t.unit.geometry().Volatile {
			t.unit.lose(t.Loop.Now(), err) // the repeated write that would tell whether the flush failed does not come: see writtenThrough
		}
	}
	if t.driver == driverSubmitting {
		t.driver, t.reqErr = driverAnswered, err
		return
	}
	t.phaseIs(taskRunning)
	t.driver = driverStepping
	t.burst = 0
	if t.Aborted() {
		t.end(StatusTaskAborted)
	} else {
		t.step.take(t, err)
	}
	t.drive()
}

// Queued returns for how many ns the loop's queue kept requests of the task before the medium got them.
func (t *Task) Queued() int64 { return t.queued }

// RequestQueued implements Queued.
func (d *taskIO) RequestQueued(ns int64) { d.queued += ns }

// end records the status. The task is returned to the engine when the running step has returned.
func (t *Task) end(s Status) {
	if t.phase == taskEnded {
		return
	}
	t.phaseIs(taskEnded)
	t.Status = s
	if s != StatusGood {
		t.In = nil
	}
	t.RequiredIn = int64(len(t.In))
	t.todo = todoEnd
	if t.driver == driverOff {
		t.finish()
	}
}

// finish releases everything and returns t to the engine; t must not be accessed afterwards.
func (t *Task) finish() {
	if t.gated != gateOutside {
		t.unit.gate.leave(t)
	}
	if t.scratch.work != nil {
		t.Loop.Free(t.scratch.work)
		t.scratch.work = nil
	}
	t.scratch.any = nil
	t.Owner.TaskDone(t)
}
