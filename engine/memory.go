package engine

import (
	"math/bits"
	"runtime/debug"
	"unsafe"

	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/session"
)

// The bound of the process's memory is a sum, and each allocation that a peer can cause is in one of its terms (docs/engine.md
// lists them). It has two parts: mapped memory, whose size is fixed, and the Go heap, where garbage comes on top of live
// memory. The runtime gets heapLimit as its memory limit, so that it collects in time.

const (
	// connBytes is how much of the Go heap one connection may take: its structures and its session's, the text of a login or a
	// Text exchange and what is parsed from it, the queue of answers without a task, the barriers of its task management.
	connBytes = 256 << 10
	// unitBytes is how much a unit may take: the registrations of as many nexuses as may be registered, twice while one table
	// replaces another. targetBytes is how much a target may take: the names of the initiator ports that it has seen.
	unitBytes   = 1 << 20
	targetBytes = 2 << 20
	// runtimeBytes is for the program, the runtime's own structures and stacks, and the output of status and metrics.
	runtimeBytes = 96 << 20
	// heapSlack is the room for garbage, in percent of live memory; with less the collector would run all the time.
	heapSlack = 25
	// fewConns is the number of connections that the bound begins with.
	fewConns = 64
)

// MemoryBound is the most memory that the process uses with conns connections, on all loops together, in bytes of RAM. LUNs in
// memory come on top, and so do the kernel's socket buffers, which do not belong to the process.
func (e *Engine) MemoryBound(conns int) int { return e.mappedBound(conns) + e.heapLimit(conns) }

// mappedBound is what is mapped beside the Go heap.
func (e *Engine) mappedBound(conns int) int {
	perLoop := e.cfg.ArenaPerLoop + slabSize + // tasks' data, rounded up to slabs
		recvBuffers*recvBufferSize + // a turn's receives
		(ringEntries*64 + ringCQEntries*16) // the rings themselves
	// A connection has at most one batch. Batches are mapped batchesAtOnce at a time.
	return len(e.loops)*(perLoop+batchesAtOnce*int(unsafe.Sizeof(batchMem{}))) + conns*int(unsafe.Sizeof(batchMem{}))
}

// heapLimit is the Go runtime's part.
func (e *Engine) heapLimit(conns int) int {
	perLoop := maxIO*int(unsafe.Sizeof(ioSlot{})) +
		(e.cfg.ArenaPerLoop+slabSize)/minBlock*arenaIndex +
		e.latencyBytes()
	perConn := connBytes + int(NumOperations)*int(unsafe.Sizeof(connOp{})) + int(unsafe.Sizeof(batch{}))
	// A connection's tasks are within its window, and the pool has no more than were ever in use at once. Each may be a request
	// other than a SCSI command, and may wait in a list.
	tasks := min(conns*e.tasksPerConn(), maxTasks*len(e.loops))
	perTask := int(unsafe.Sizeof(task{})) + session.RequestBytes + int(unsafe.Sizeof(ioWait{}))
	live := len(e.loops)*perLoop + conns*perConn + tasks*perTask + e.unitsBytes()
	return live + live*heapSlack/100 + runtimeBytes
}

// tasksPerConn is the most tasks that a connection has: the largest window of a session, and immediate requests.
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

// unitsBytes is what the device server may take.
func (e *Engine) unitsBytes() (n int) {
	e.eachTarget(func(units int) { n += targetBytes + units*unitBytes })
	return n
}

func (e *Engine) eachTarget(fn func(units int)) {
	for _, t := range e.node.Targets() {
		units := 0
		if tgt, ok := t.Owner.(*lun.Target); ok {
			units = len(tgt.Units())
		}
		fn(units)
	}
}

// arenaIndex is what a block of the arena takes outside it: its order, and a place in a free list that has grown by doubling.
const arenaIndex = 1 + 4*4

// room makes room for conns connections in the memory bound. The bound grows by doubling, and so does the Go runtime's limit:
// the garbage is bounded by the connections that there were, not by those that there could be.
func (e *Engine) room(conns int64) {
	for {
		have := e.conns.Load()
		if conns <= have {
			return
		}
		want := max(int64(1)<<bits.Len64(uint64(conns-1)), fewConns)
		if e.conns.CompareAndSwap(have, want) {
			if e.cfg.LimitHeap {
				e.machine.helper(func() { debug.SetMemoryLimit(int64(e.heapLimit(int(e.conns.Load())))) })
			}
			return
		}
	}
}

// Bound returns MemoryBound for the connections that the bound counts now, and for the most that there can be.
func (e *Engine) Bound() (now, ever int) {
	return e.MemoryBound(int(e.conns.Load())), e.MemoryBound(maxConnsPerLoop * len(e.loops))
}
