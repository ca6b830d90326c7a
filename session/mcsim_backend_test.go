package session

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/ringtgt/ringtgt/pdu"
)

// The host's tasks and its backend: logical units of blocks, each of which knows the command that wrote it last.

const (
	mcBlockLen = 512
	mcBlocks   = 64 // of each unit
	mcUnits    = 2
)

// mcDisk is what lies on the units: for each block the number of the command that wrote it.
type mcDisk [mcUnits][mcBlocks]uint32

// mcFill is the content that command id gives block lba of unit lun; command 0 is the empty disk.
func mcFill(b []byte, id uint32, lun uint64, lba int) {
	v := uint64(id)<<32 | lun<<24 | uint64(lba)<<8
	for i := 0; i+8 <= len(b); i += 8 {
		binary.BigEndian.PutUint64(b[i:], v+uint64(i))
	}
}

// mcData is the data of blocks lba to lba+len(ids)-1 whose writers are ids.
func mcData(lun uint64, lba int, ids []uint32) []byte {
	b := make([]byte, len(ids)*mcBlockLen)
	for i, id := range ids {
		mcFill(b[i*mcBlockLen:(i+1)*mcBlockLen], id, lun, lba+i)
	}
	return b
}

// mcTask is the host's half of a task.
type mcTask struct {
	s     Task
	conn  *mcTarget
	cmd   *mcCmd
	in    []byte
	phase mcPhase
	live  bool

	readyAt  int64
	applied  bool
	orphan   bool // the session gave it up while the backend had it
	aborting bool
	gone     bool // the backend was told to forget it
	groups   []*mcGroup
	use      int
}

type mcPhase uint8

const (
	mcCollecting mcPhase = iota
	mcWaiting            // for memory
	mcRunning            // with the backend
	mcAnswering
)

// Host follows.

// NewNexus is called with the registry locked: nothing comes in between.
func (c *mcTarget) NewNexus(s *Session) any {
	n := c.w.nexus(s)
	n.cameUp(c)
	return n
}

func (c *mcTarget) NewTask(o *Conn) *Task {
	c.w.preempt()
	l := c.loop
	if o != c.s {
		c.w.Fatalf("%v: NewTask for another connection", c)
	}
	if c.w.chance(c.w.cfg.noTask) {
		c.refuseTask()
		return nil
	}
	var t *mcTask
	if n := len(l.pool); n > 0 {
		t = l.pool[n-1]
		l.pool = l.pool[:n-1]
	} else {
		t = &mcTask{}
		t.s.Owner = t
	}
	t.conn, t.live = c, true
	c.tasks = append(c.tasks, t)
	return &t.s
}

// refuseTask notes that the PDU at hand gets no task.
func (c *mcTarget) refuseTask() {
	if cmd := c.byITT[c.s.Framer().Header().ITT()]; cmd != nil && c.s.Framer().Header().Opcode() == pdu.OpSCSICommand {
		cmd.refused, cmd.taskless = true, true
	}
}

func (c *mcTarget) DataOut(st *Task, may bool) OutState {
	c.w.preempt()
	t := st.Owner.(*mcTask)
	t.cmd = c.w.cmds[binary.BigEndian.Uint32(st.CDB[8:12])]
	if t.cmd == nil {
		c.w.Fatalf("%v: DataOut of a command that nobody sent: %x", c, st.CDB)
	}
	if !st.Write || t.outLen() == 0 {
		return OutReady
	}
	if c.w.chance(c.w.cfg.short) {
		if may && c.w.rng.IntN(2) == 0 {
			t.phase = mcWaiting
			c.loop.waiting = append(c.loop.waiting, t)
			c.loop.after(int64(c.w.rng.IntN(2e6)), func() { c.loop.released = true })
			c.w.stats["later"]++
			return OutLater
		}
		t.cmd.refused = true
		c.w.stats["full"]++
		return OutRefused
	}
	t.give()
	return OutReady
}

func (t *mcTask) outLen() int { return min(int(t.s.EDTL), t.cmd.n*mcBlockLen) }

func (t *mcTask) give() {
	b := make([]byte, t.outLen())
	for i := range b {
		b[i] = 0xee
	}
	t.s.Out = b
}

func (c *mcTarget) Memory(n int) []byte {
	c.w.lent++
	return make([]byte, n)
}

func (c *mcTarget) Release(b []byte) {
	c.w.lent--
	for i := range b {
		b[i] = 0xdd
	}
}

func (c *mcTarget) FreeTask(st *Task) {
	t := st.Owner.(*mcTask)
	if !t.live {
		c.w.Fatalf("%v: task %#x is freed twice", c, st.ITT)
	}
	t.live = false
	c.tasks = slices.DeleteFunc(c.tasks, func(o *mcTask) bool { return o == t })
	c.loop.leaveLine(t)
	for _, g := range t.groups {
		g.leave()
	}
	t.groups = nil
	if t.cmd != nil {
		t.cmd.freed = true
	}
	for i := range t.s.Out { // nobody may read it any more
		t.s.Out[i] = 0xdd
	}
	for i := range t.in {
		t.in[i] = 0xdd
	}
	if t.phase == mcRunning {
		if !t.gone {
			c.w.Fatalf("%v: task %#x is freed while it is with the backend", c, st.ITT)
		}
		t.orphan = true
		return
	}
	c.recycle(t)
	c.w.preempt()
}

func (c *mcTarget) recycle(t *mcTask) {
	t.s.Reset()
	*t = mcTask{s: t.s, use: t.use + 1}
	t.s.Owner = t
	c.loop.pool = append(c.loop.pool, t)
}

func (c *mcTarget) Post(fn func()) {
	l := c.home
	l.post(func() {
		if c.home != l {
			c.Post(fn) // it moved meanwhile
			return
		}
		fn()
		if !c.dropped {
			c.mark()
		}
	})
	c.w.preempt()
}

func (c *mcTarget) Wake(from int) {
	c.w.preempt()
	if l := c.home; l.index == from {
		c.mark()
	} else if !c.stirred {
		c.stirred = true
		l.stirs = append(l.stirs, c)
	}
}

// Place is the engine's: a CID that returns goes where it was, others where the fewest of the session's are.
func (c *mcTarget) Place(loops []int, last int) int {
	if last >= 0 {
		return last
	}
	count := make([]int, len(c.w.loops))
	for _, i := range loops {
		count[i]++
	}
	best := c.loop.index
	for i := range count {
		if count[i] < count[best] {
			best = i
		}
	}
	return best
}

// execute gives a command to the backend.
func (c *mcTarget) execute(t *mcTask) {
	c.executed(t)
	t.phase = mcRunning
	t.readyAt = c.w.now
	if c.w.chance(c.w.cfg.slow) {
		t.readyAt += []int64{1e6, 1e8, 9e9}[c.w.rng.IntN(3)]
	} else if c.w.rng != nil && c.w.rng.IntN(8) == 0 {
		c.apply(t)
		c.loop.taskDone(t)
		return
	}
	c.w.running = append(c.w.running, t)
}

// work applies a command or completes it.
func (w *mcWorld) work(t *mcTask) {
	if !t.applied && !t.gone {
		t.conn.apply(t)
		if w.rng != nil && w.rng.IntN(2) == 0 {
			return
		}
	}
	w.running = slices.DeleteFunc(w.running, func(o *mcTask) bool { return o == t })
	l := t.conn.loop
	l.completed(func() { l.taskDone(t) })
}

// apply is the moment at which a command reads or writes.
func (c *mcTarget) apply(t *mcTask) {
	cmd := t.cmd
	t.applied = true
	if cmd.dead || c.ended {
		c.w.Fatalf("%v: %v takes effect after its end was reported", c, cmd)
	}
	blocks := c.w.disk[cmd.lun][cmd.lba : cmd.lba+cmd.n]
	if cmd.kind == mcWrite {
		if !bytes.Equal(t.s.Out, cmd.data()) {
			c.w.Fatalf("%v: %v: its data changed while the backend had it", c, cmd)
		}
		for i := range blocks {
			blocks[i] = cmd.id
		}
	} else if cmd.n > 0 {
		t.in = mcData(cmd.lun, cmd.lba, blocks)
	}
	cmd.applied = true
}

// taskDone is the backend's answer.
func (l *mcLoop) taskDone(t *mcTask) {
	c := t.conn
	t.phase = mcAnswering
	switch {
	case t.orphan:
		c.recycle(t)
	case t.aborting && (l.w.rng == nil || l.w.rng.IntN(2) == 0):
		t.aborting = false
		c.s.Aborted(l.now, &t.s)
	default:
		t.aborting = false
		r := &t.s.Result
		r.In = t.in
		r.RequiredIn = int64(len(t.in))
		if t.s.Write {
			r.RequiredOut = int64(t.cmd.n * mcBlockLen)
		}
		t.cmd.completed = true
		c.s.Complete(l.now, &t.s)
	}
	c.mark()
}

// abort stops a task, which the backend may or may not do at once.
func (c *mcTarget) abort(t *mcTask) {
	w, l := c.w, c.loop
	if t.phase != mcRunning {
		w.Fatalf("%v: Abort of %#x, which is not with the host", c, t.s.ITT)
	}
	w.stats["abort"]++
	if at := slices.Index(w.running, t); at >= 0 && w.rng != nil && w.rng.IntN(3) == 0 {
		w.running = slices.Delete(w.running, at, at+1)
		t.phase = mcAnswering
		c.s.Aborted(l.now, &t.s)
		c.mark()
		return
	}
	t.aborting = true
	use := t.use
	l.after(5e9, func() {
		if t.use != use || !t.aborting {
			return
		}
		t.aborting, t.gone = false, true
		w.stats["abandon"]++
		c.s.Aborted(l.now, &t.s)
		c.mark()
	})
}

// mcGroup waits for tasks on any loop to be out of the way.
type mcGroup struct {
	pending int
	home    *mcLoop
	done    func()
}

func (g *mcGroup) leave() {
	if g.pending--; g.pending == 0 {
		g.home.post(g.done)
	}
}

// manage carries out a task-management function, as the engine does.
func (c *mcTarget) manage(st *Task) {
	l := c.loop
	t := st.Owner.(*mcTask)
	use, f, lun, nexus := t.use, st.Manage, st.LUN, c.nx
	t.phase = mcAnswering
	answer := func(resp pdu.TaskResponse) {
		if t.use == use {
			c.s.Managed(l.now, st, byte(resp))
			c.mark()
		}
	}
	switch f {
	case pdu.TMFAbortTaskSet, pdu.TMFClearTaskSet, pdu.TMFLogicalUnitReset, pdu.TMFTargetWarmReset, pdu.TMFTargetColdReset, pdu.TMFITNexusReset:
		c.w.abortTasks(l, func(o *mcTask) bool {
			switch f {
			case pdu.TMFTargetWarmReset, pdu.TMFTargetColdReset:
				return true
			case pdu.TMFITNexusReset:
				return o.conn.nx == nexus
			case pdu.TMFAbortTaskSet:
				return o.s.LUN == lun && o.conn.nx == nexus
			}
			return o.s.LUN == lun
		}, func() {
			if f == pdu.TMFTargetColdReset {
				c.w.dropAll()
			}
			answer(pdu.TMFResponseComplete)
		})
	default:
		answer(pdu.TMFResponseComplete)
	}
}

// abortTasks ends the commands on all loops that match, then runs done on loop home.
func (w *mcWorld) abortTasks(home *mcLoop, match func(*mcTask) bool, done func()) {
	g := &mcGroup{home: home, done: done, pending: len(w.loops)}
	for _, l := range w.loops {
		l.post(func() {
			for _, c := range slices.Clone(w.targets) {
				if c.loop != l || c.home != l || c.nx == nil {
					continue
				}
				c.s.AbortTasks(l.now, func(st *Task) bool {
					t := st.Owner.(*mcTask)
					if t.phase == mcAnswering || !match(t) {
						return false
					}
					t.cmd.cleared = true
					g.pending++
					t.groups = append(t.groups, g)
					return true
				})
				c.mark()
			}
			g.leave()
		})
	}
}

// dropAll asks every initiator to go (TARGET COLD RESET).
func (w *mcWorld) dropAll() {
	for _, l := range w.loops {
		l.post(func() {
			for _, c := range slices.Clone(w.targets) {
				if c.loop == l && c.home == l && c.nx != nil {
					c.s.Shutdown(l.now)
					c.mark()
				}
			}
		})
	}
}
