package engine

import (
	"unsafe"

	"github.com/ringtgt/ringtgt/lun"
)

// connBytes is what one connection may cost of the Go heap: its own structures, a control buffer of 8 KiB, the queue of
// answers without a task, and, as it logs in, the text that it brought and the answer to that (session's limits.go), rounded up.
const connBytes = 192 << 10

// MemoryBound is the sum of limits.go: the most memory the engine uses with conns connections, on all loops together,
// in bytes. The Go runtime, LUNs in memory and the kernel's socket buffers come on top.
func (e *Engine) MemoryBound(conns int) int {
	perLoop := e.cfg.ArenaPerLoop + slabSize + // tasks' data, rounded up to slabs
		recvBuffers*recvBufferSize + // a turn's receives
		(ringEntries*64 + ringCQEntries*16) + // the rings themselves
		maxIO*int(unsafe.Sizeof(ioSlot{})) +
		e.latencyBytes()
	// A connection has at most one batch; each of its tasks is in its window, and the pool holds no more than were ever out.
	tasks := min(conns*tasksPerConn, maxTasks*len(e.loops))
	perConn := connBytes + int(NumOperations)*int(unsafe.Sizeof(connOp{})) + int(unsafe.Sizeof(batchMem{})+unsafe.Sizeof(batch{}))
	return len(e.loops)*perLoop + conns*perConn + tasks*int(unsafe.Sizeof(task{}))
}

// latencyBytes is what a loop counts latencies in: a set for each operation of each unit, and for LUNs that are not there.
func (e *Engine) latencyBytes() (n int) {
	for _, t := range e.node.Targets() {
		n += int(unsafe.Sizeof(targetLatency{}))
		units := 1
		if tgt, ok := t.Owner.(*lun.Target); ok {
			units += len(tgt.Units())
		}
		n += units * (int(unsafe.Sizeof(unitLatency{})) + int(NumOperations)*int(unsafe.Sizeof(opLatency{})))
	}
	return n
}
