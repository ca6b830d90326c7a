package engine

import (
	"fmt"
	"net/netip"
	"unsafe"

	"github.com/ringtgt/ringtgt/internal/uring"
	"golang.org/x/sys/unix"
)

// A zero-copy send lets the network interface read the data from the arena. The kernel completes it twice: when it has taken the
// data, and when it has stopped reading it, mostly when the peer has acknowledged it. Until that notification the batch keeps its
// memory, which counts toward the initiator's share; meanwhile the connection sends other batches. Where the kernel copies after
// all (loopback, veth), the notification says so, and the second completion is pure cost: see sendPath.

// ZeroCopy says when the data of large reads is sent without a copy.
type ZeroCopy uint8

const (
	ZeroCopyOff  ZeroCopy = iota // never
	ZeroCopyAuto                 // where the network interface reads it from our memory
	ZeroCopyOn                   // always
)

// batchPhase is the phase of a send batch. docs/engine.md draws the phases.
type batchPhase uint8

const (
	batchFree      batchPhase = iota // in the loop's pool
	batchStaged                      // collects PDUs
	batchSending                     // the kernel is taking it
	batchNotifying                   // the kernel has taken it, and reads its memory until the notification
)

var batchPhaseNames = [...]string{"free", "staged", "sending", "notifying"}

func (p batchPhase) String() string {
	if int(p) < len(batchPhaseNames) {
		return batchPhaseNames[p]
	}
	return fmt.Sprintf("batchPhase(%d)", uint8(p))
}

// batchNext lists the phases that may follow each phase. A staged batch of a connection that has been shut down is not sent.
var batchNext = [...]uint8{
	batchFree:      1 << batchStaged,
	batchStaged:    1<<batchSending | 1<<batchFree,
	batchSending:   1<<batchNotifying | 1<<batchFree,
	batchNotifying: 1 << batchFree,
}

// enter moves the batch to its next phase. A transition that is not in batchNext is a bug.
func (b *batch) enter(next batchPhase) {
	if batchNext[b.phase]>>next&1 == 0 {
		panic(fmt.Sprintf("engine: send batch: phase %v after %v", next, b.phase))
	}
	b.phase = next
}

// zeroCopy reports whether to send the connection's staged batch without a copy: it holds all the memory that it refers to,
// and carries enough data for each command.
func (c *conn) zeroCopy(b *batch) bool {
	p, l := c.send.path, c.loop
	return p != nil && b.nblk > 0 && b.nrel == 0 && b.bytes >= l.engine.cfg.zeroCopyMin*b.nblk &&
		c.send.notifying < maxNotifying && l.notifying < maxNotifyingPerLoop &&
		b.selfContained(l.arena) && p.tries(l.engine.cfg.ZeroCopy, l.now)
}

// selfContained reports whether all data of the batch lies in arena blocks that the batch holds. Data of a memory LUN that is sent in
// place does not, nor does the first part of a long answer, whose block the batch with its last part will hold.
func (b *batch) selfContained(a *arena) bool {
	for _, block := range b.blocks[:b.nblk] {
		if a.slabOf(block) < 0 {
			return false
		}
	}
	k := 0 // blocks are in the order of their data
	for i := range b.iovs {
		v := &b.mem.iov[i]
		if v.within(b.mem.headers[:]) {
			continue
		}
		for !v.within(b.blocks[k]) {
			if k++; k == b.nblk {
				return false
			}
		}
	}
	return true
}

func (v *iovec) within(block []byte) bool {
	start := address(block)
	return v.base >= start && v.base+uintptr(v.len) <= start+uintptr(cap(block))
}

// submitZeroCopy submits the batch as a zero-copy send, for which the kernel pins the pages. Pieces of registered slabs need no
// pinning, but Linux 6.18 charges the socket up to 2 MiB for a small piece of a huge page, and connections stall.
func (b *batch) submitZeroCopy(c *conn) {
	m := b.mem
	b.conn = c
	m.msg.Iov = (*uring.Iovec)(unsafe.Pointer(&m.iov[0]))
	m.msg.Iovlen = uint64(b.iovs)
	c.loop.ring.SendMsgZC(uring.FD(c.fd), &m.msg, unix.MSG_WAITALL|unix.MSG_NOSIGNAL, -1, userData(opSendZC, b.index))
}

// zeroCopyDone handles a completion of a zero-copy send.
func (l *loop) zeroCopyDone(i int, cqe uring.CQE) {
	b := l.allBatches[i]
	c := b.conn
	if is, copied := cqe.Notification(); is {
		c.notified(b, copied)
		return
	}
	if cqe.More() {
		b.notices++
	}
	switch -unix.Errno(cqe.Res) {
	case unix.ENOMEM, unix.ENOBUFS, unix.EINVAL, unix.EFAULT, unix.EOPNOTSUPP:
		// The kernel cannot pin or account the memory, or this kind of socket cannot do it: sendDone sends it with a copy.
		c.send.path.report(l, true)
		cqe.Res = -int32(unix.EAGAIN)
	}
	b.taken = cqe.Res > 0
	c.sendDone(cqe)
}

// notified handles a notification: the kernel reads the memory of the send no more. It may come while the rest of a short send is
// being sent with a copy.
func (c *conn) notified(b *batch, copied bool) {
	l := c.loop
	if c.phase == connDropped {
		panic("engine: the notification of a connection that was dropped")
	}
	b.notices--
	if b.taken { // otherwise nothing was sent, and the report says nothing
		if copied {
			l.stats.SendsCopied++
		} else {
			l.stats.SendsZeroCopied++
		}
		c.send.path.report(l, copied)
	}
	if b.phase == batchNotifying && b.notices == 0 {
		c.send.notifying--
		l.notifying--
		c.freeBatch(b)
		c.mark() // it may be what the end of the connection waits for
	}
}

// pathPhase says whether sends through an interface are tried without a copy.
type pathPhase uint8

const (
	pathTrying pathPhase = iota // not known yet
	pathGood                    // the interface reads from our memory
	pathCopies                  // the kernel copies; tried again at retryAt
)

var pathPhaseNames = [...]string{"trying", "zero-copy", "copies"}

func (p pathPhase) String() string {
	if int(p) < len(pathPhaseNames) {
		return pathPhaseNames[p]
	}
	return fmt.Sprintf("pathPhase(%d)", uint8(p))
}

// pathNext lists the phases that may follow each phase.
var pathNext = [...]uint8{
	pathTrying: 1<<pathGood | 1<<pathCopies,
	pathGood:   1 << pathCopies,
	pathCopies: 1 << pathTrying,
}

// sendPath is what a loop knows about zero-copy sends through a network interface.
type sendPath struct {
	name    string
	phase   pathPhase
	copied  int // reports of a copy since the last one of none
	retryAt int64
	told    bool
}

func (p *sendPath) enter(next pathPhase) {
	if pathNext[p.phase]>>next&1 == 0 {
		panic(fmt.Sprintf("engine: interface %s: phase %v after %v", p.name, next, p.phase))
	}
	p.phase = next
}

// tries reports whether to try the next send without a copy.
func (p *sendPath) tries(mode ZeroCopy, now int64) bool {
	if mode == ZeroCopyAuto && p.phase == pathCopies {
		if now < p.retryAt {
			return false
		}
		p.enter(pathTrying)
		p.copied = pathTries - 1 // one send tells
	}
	return true
}

// report notes whether the kernel copied a send. A few copies mean nothing where it did not copy before: while tcpdump listens on an
// interface, everything is copied.
func (p *sendPath) report(l *loop, copied bool) {
	if !copied {
		p.copied = 0
		if p.phase == pathTrying {
			p.enter(pathGood)
		}
		return
	}
	p.copied++
	if p.phase == pathTrying && p.copied >= pathTries || p.phase == pathGood && p.copied >= pathDoubts {
		p.enter(pathCopies)
		p.retryAt = l.now + int64(pathRetry)
		if !p.told && l.engine.cfg.ZeroCopy == ZeroCopyAuto {
			p.told = true
			l.engine.log.Info("the kernel copies what is sent through this interface: no zero-copy sends", "interface", p.name, "loop", l.index)
		}
	}
}

// findPath determines the network interface of a connection. Until a helper has listed the machine's addresses, its sends are copied.
func (c *conn) findPath() {
	l := c.loop
	if l.engine.cfg.ZeroCopy == ZeroCopyOff || l.engine.machine.zeroCopy == uring.NoZeroCopy {
		return
	}
	name, known := l.interfaces[c.name.local.Addr()]
	if !known {
		if !l.listing {
			l.listing = true
			l.Go(&listInterfaces{l: l})
		}
		return
	}
	if _, own := l.interfaces[c.name.remote.Addr()]; own {
		name = "lo" // whatever address it uses
	}
	c.send.path = l.path(name)
}

// path returns what the loop knows about an interface. There are few, unless a program keeps making interfaces under new names.
func (l *loop) path(name string) *sendPath {
	p := l.paths[name]
	if p == nil {
		if l.paths == nil || len(l.paths) >= maxPaths {
			l.paths = map[string]*sendPath{} // connections keep theirs
		}
		p = &sendPath{name: name}
		l.paths[name] = p
	}
	return p
}

// listInterfaces lists the machine's addresses and the interfaces that have them, and sets the path of connections that wait for that.
type listInterfaces struct {
	l     *loop
	found map[netip.Addr]string
}

// Do implements lun.Work.
func (w *listInterfaces) Do() { w.found = w.l.engine.machine.interfaces() }

// Happen implements lun.Work.
func (w *listInterfaces) Happen() {
	l := w.l
	l.listing = false
	l.interfaces = w.found
	for _, c := range l.conns {
		if c == nil || !c.steered || c.send.path != nil {
			continue
		}
		if local := c.name.local.Addr(); l.interfaces[local] == "" {
			l.interfaces[local] = local.String() // the system does not tell; this serves to tell them apart
		}
		c.findPath()
	}
}
