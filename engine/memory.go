package engine

import (
	"math/bits"
	"runtime/debug"
	"unsafe"

	"github.com/ringtgt/ringtgt/internal/uring"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/session"
)

// The bound of the process's memory is a sum, and each allocation that a peer can cause is in one of its terms (docs/engine.md
// lists them). It has two parts: mapped memory, whose size is fixed, and the Go heap, which holds garbage besides live memory.
// heapLimit is the runtime's memory limit, so that it collects in time.

const (
	// connBytes is how much of the Go heap one connection may take: its structures and its session's, the text of a login or
	// Text exchange and its parsed form, the queue of answers without a task, and the barriers of its task management.
	connBytes = 256 << 10
	// unitBytes is how much a unit may take: the registrations of as many nexuses as may be registered, twice while one table
	// replaces another. targetBytes is how much a target may take: the names of the initiator ports that it has seen.
	unitBytes   = 1 << 20
	targetBytes = 2 << 20
	// runtimeBytes covers the program, the runtime's own structures and stacks, and the output of status and metrics.
	runtimeBytes = 96 << 20
	// heapSlack is the allowance for garbage, in percent of live memory. With less the collector would run all the time.
	heapSlack = 25
	// fewConns is the number of connections that the bound initially allows for.
	fewConns = 64
)

// MemoryBound returns the most memory that the process uses with conns connections, on all loops together, in bytes of RAM. It does
// not include LUNs in memory, nor the kernel's socket buffers, which do not belong to the process.
func (e *Engine) MemoryBound(conns int) int { return e.mappedBound(conns) + e.heapLimit(conns) }

// mappedBound is the memory mapped outside the Go heap.
func (e *Engine) mappedBound(conns int) int {
	perLoop := e.cfg.ArenaPerLoop + slabSize + // tasks' data, rounded up to slabs
		recvBuffers*recvBufferSize + // a turn's receives
		(ringEntries*64 + ringCQEntries*16) // the rings themselves
	// Batches are mapped batchesAtOnce at a time.
	return len(e.loops)*(perLoop+batchesAtOnce*int(unsafe.Sizeof(batchMem{}))) + e.batchesBound(conns)*int(unsafe.Sizeof(batchMem{}))
}

// batchesBound is the most batches that connections use: one each, and those that wait for the notification of a zero-copy send.
func (e *Engine) batchesBound(conns int) int {
	if e.cfg.ZeroCopy == ZeroCopyOff || e.machine.zeroCopy == uring.NoZeroCopy {
		return conns
	}
	return conns + min(conns*maxNotifying, len(e.loops)*maxNotifyingPerLoop)
}

// heapLimit is the Go runtime's part.
func (e *Engine) heapLimit(conns int) int {
	perLoop := maxIO*int(unsafe.Sizeof(ioSlot{})) +
		(e.cfg.ArenaPerLoop+slabSize)/minBlock*arenaIndex +
		e.latencyBytes()
	perConn := connBytes + int(NumOperations)*int(unsafe.Sizeof(connOp{})) + e.limitBytes() // at most one initiator for each connection
	// A connection's tasks fit its window, and the pool has no more than were ever in use at once. Each may be a request other
	// than a SCSI command, and may wait in a list.
	tasks := min(conns*e.tasksPerConn(), maxTasks*len(e.loops))
	perTask := int(unsafe.Sizeof(task{})) + 2*int(unsafe.Sizeof((*task)(nil))) + session.RequestBytes + int(unsafe.Sizeof(ioWait{})) +
		int(unsafe.Sizeof(flow{}))
	live := len(e.loops)*perLoop + conns*perConn + e.batchesBound(conns)*int(unsafe.Sizeof(batch{})) + tasks*perTask + e.unitsBytes()
	return live + live*heapSlack/100 + runtimeBytes
}

// tasksPerConn is the most tasks that a connection can have: the largest window of a session, and immediate requests.
func (e *Engine) tasksPerConn() int {
	window := session.DefaultWindow
	for _, t := range e.node.Targets() {
		window = max(window, t.Limits.Window)
	}
	return window + session.MaxImmediate
}

// latencyBytes is the size of a loop's latency counters: a set for each operation of each unit, and one for LUNs that do not
// exist.
func (e *Engine) latencyBytes() (n int) {
	e.eachTarget(func(units int) {
		n += int(unsafe.Sizeof(targetLatency{}))
		n += (units + 1) * (int(unsafe.Sizeof(unitLatency{})) + int(NumOperations)*int(unsafe.Sizeof(opLatency{})))
	})
	return n
}

// unitsBytes is the most memory that the device server may take.
func (e *Engine) unitsBytes() (n int) {
	e.eachTarget(func(units int) { n += targetBytes + units*(unitBytes+e.limitBytes()) + maxDebtors*e.limitBytes() })
	return n
}

// limitBytes is the size of a limit of traffic, of a unit or of an initiator.
func (e *Engine) limitBytes() int {
	var l limit
	return int(unsafe.Sizeof(l)) + len(l.meters)*len(e.loops)*int(unsafe.Sizeof(queue{})) + lun.MaxISCSIName
}

func (e *Engine) eachTarget(fn func(units int)) {
	for _, t := range e.devices.all() {
		fn(len(t.Units()))
	}
}

// arenaIndex is the memory that a block takes outside the arena: its order, and an entry in a free list that grows by doubling.
const arenaIndex = 1 + 4*4

// room raises the memory bound if it does not allow for conns connections. The bound doubles each time, and the Go runtime's limit
// follows it, as it follows the units (UnitsChanged): garbage is limited in proportion to the connections that there have been, not to
// those that there could be.
func (e *Engine) room(conns int64) {
	for {
		have := e.conns.Load()
		if conns <= have {
			return
		}
		want := max(int64(1)<<bits.Len64(uint64(conns-1)), fewConns)
		if e.conns.CompareAndSwap(have, want) {
			if e.cfg.LimitHeap {
				e.machine.helper(e.limitHeap)
			}
			return
		}
	}
}

// limitHeap sets the Go runtime's limit to what the bound is now. It blocks.
func (e *Engine) limitHeap() {
	if !e.cfg.LimitHeap {
		return
	}
	e.limiting.Lock() // the last to set it has read the latest
	defer e.limiting.Unlock()
	debug.SetMemoryLimit(int64(e.heapLimit(int(e.conns.Load()))))
}

// Bound returns MemoryBound for the connections that the bound allows for now, and for the most that there can be.
func (e *Engine) Bound() (now, ever int) {
	return e.MemoryBound(int(e.conns.Load())), e.MemoryBound(maxConnsPerLoop * len(e.loops))
}
