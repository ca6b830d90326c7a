// Package simkernel simulates the part of Linux that an event loop uses: io_uring with sockets, files, eventfds and messages
// between rings, all in memory and driven by one seed. Package engine's simulation runs the real loop on it. The daemon does
// not contain it.
//
// Rings are in ordinary memory. An operation reads or writes the memory it points to when it is executed, not when it is
// submitted. Nothing happens by itself: each call of Step executes one pending operation, and Config.Wait suspends a loop that
// waits in Enter. Only one thread may call into the package at a time.
package simkernel

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"syscall"
	"unsafe"

	"github.com/ringtgt/ringtgt/engine/giouring"
	"github.com/ringtgt/ringtgt/internal/uring"
)

var _ uring.Kernel = (*Kernel)(nil)

// Config configures a Kernel.
type Config struct {
	Rand *rand.Rand // nil: deterministic order and no faults
	Odds Odds
	Now  func() int64 // ns
	// Wait suspends the loop that owns r until something may have changed. Pause, which may be nil, is called when a loop
	// enters the kernel without waiting: a scheduler may preempt it there.
	Wait  func(r *Ring)
	Pause func(r *Ring)
	// Failf reports misuse of the kernel interface, such as an operation on a bad descriptor.
	Failf func(format string, args ...any)

	SQEntries, CQEntries uint32 // upper bounds on the sizes of queues; 0: no bound
	SocketBytes          int    // send buffer: bytes sent by the target and not yet read by its peer; 0: 64 KiB

	// Optional hooks: a receive delivers bytes, the kernel accepts a message for sending, a write takes effect.
	Received func(s *Socket, b []byte)
	Sending  func(s *Socket, parts [][]byte)
	Wrote    func(f *File, off int64, b []byte)
}

// Odds gives the probability of each fault as one in N; 0 means never.
type Odds struct {
	Late      int   // an operation that could complete at once is delayed
	Short     int   // a receive, send or disk transfer is cut short
	Interrupt int   // EINTR or EAGAIN before anything is transferred
	Partial   int   // an enter consumes only some of the entries
	Spurious  int   // a wait returns without a completion
	Copied    int   // the kernel copies the data of a zero-copy send
	Refused   int   // a zero-copy send fails
	DiskError int   // EIO, ENOSPC, a discard that is refused
	DiskSlow  int   // a disk operation takes up to DiskDelay
	DiskDelay int64 // ns
}

// Kernel is a simulated kernel.
type Kernel struct {
	cfg   Config
	rings []*Ring
	files map[int]any // descriptors: *Ring, *Socket, *listener, *eventfd, *File
	hold  bool
	Stats map[string]int
}

// Ring is an io_uring instance.
type Ring struct {
	k        *Kernel
	fd       int
	sq, cq   []uint64 // the memory that the loop maps
	sqes     []giouring.SubmissionQueueEntry
	cqes     []giouring.CompletionQueueEvent
	ops      []*op                           // submitted and not completed
	backlog  []giouring.CompletionQueueEvent // completed and not in the queue yet
	slots    []int                           // registered files
	slabs    []slab                          // registered buffers
	groups   map[uint16]*group
	waiting  bool
	deadline int64 // of the wait; 0: none
	closed   bool
}

// Words of the queues' memory, in 32-bit units.
const (
	wHead = iota
	wTail
	wMask
	wEntries
	wFlags
	wDropped // overflow of the completion queue
	wEnd     = 16
)

// firstFD is above every descriptor of a test process, so that descriptors of real files cannot collide with simulated ones.
const firstFD = 1 << 16

// New returns a Kernel without rings or sockets.
func New(cfg Config) *Kernel {
	if cfg.SocketBytes == 0 {
		cfg.SocketBytes = 64 << 10
	}
	return &Kernel{cfg: cfg, files: map[int]any{}, Stats: map[string]int{}}
}

// Hold stops disk operations while hold is true.
func (k *Kernel) Hold(hold bool) { k.hold = hold }

func (k *Kernel) chance(n int) bool { return n > 0 && k.cfg.Rand != nil && k.cfg.Rand.IntN(n) == 0 }

func (k *Kernel) intN(n int) int {
	if k.cfg.Rand == nil {
		return 0
	}
	return k.cfg.Rand.IntN(n)
}

// open allocates a descriptor for f. Like Linux it takes the lowest free one, so that a use after close hits another file.
func (k *Kernel) open(f any) int {
	fd := firstFD
	for k.files[fd] != nil {
		fd++
	}
	k.files[fd] = f
	return fd
}

func (r *Ring) word(m []uint64, w int) *uint32 {
	return (*uint32)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(m)), 4*w))
}

func pow2(n uint32) uint32 {
	p := uint32(1)
	for p < n {
		p *= 2
	}
	return p
}

// Setup implements giouring.Kernel.
func (k *Kernel) Setup(entries uint32, p *giouring.Params) (uint, error) {
	ask := p.CQEntries
	if k.cfg.SQEntries > 0 {
		entries = min(entries, k.cfg.SQEntries)
	}
	if k.cfg.CQEntries > 0 {
		ask = min(ask, k.cfg.CQEntries)
	}
	p.SQEntries, p.CQEntries = pow2(entries), pow2(max(ask, entries))
	r := &Ring{k: k, groups: map[uint16]*group{}}
	r.sq = make([]uint64, wEnd)
	r.cq = make([]uint64, wEnd/2+2*int(p.CQEntries))
	r.sqes = make([]giouring.SubmissionQueueEntry, p.SQEntries)
	r.cqes = unsafe.Slice((*giouring.CompletionQueueEvent)(unsafe.Pointer(&r.cq[wEnd/2])), p.CQEntries)
	*r.word(r.sq, wMask), *r.word(r.sq, wEntries) = p.SQEntries-1, p.SQEntries
	*r.word(r.cq, wMask), *r.word(r.cq, wEntries) = p.CQEntries-1, p.CQEntries
	p.SQOff = giouring.SQRingOffsets{Head: 4 * wHead, Tail: 4 * wTail, RingMask: 4 * wMask, RingEntries: 4 * wEntries, Flags: 4 * wFlags, Dropped: 4 * wDropped}
	p.CQOff = giouring.CQRingOffsets{Head: 4 * wHead, Tail: 4 * wTail, RingMask: 4 * wMask, RingEntries: 4 * wEntries, Flags: 4 * wFlags, Overflow: 4 * wDropped, CQEs: 4 * wEnd}
	p.Features = giouring.FeatNoDrop | giouring.FeatExtArg | giouring.FeatMinTimeout
	r.fd = k.open(r)
	k.rings = append(k.rings, r)
	return uint(r.fd), nil
}

func (k *Kernel) ring(fd int) *Ring {
	r, _ := k.files[fd].(*Ring)
	if r == nil {
		k.cfg.Failf("simkernel: %d is no ring", fd)
	}
	return r
}

// Map implements giouring.Kernel.
func (k *Kernel) Map(fd int, offset int64, _ uintptr) (unsafe.Pointer, error) {
	r := k.ring(fd)
	switch offset {
	case giouring.OffSQRing:
		return unsafe.Pointer(unsafe.SliceData(r.sq)), nil
	case giouring.OffCQRing:
		return unsafe.Pointer(unsafe.SliceData(r.cq)), nil
	}
	return unsafe.Pointer(unsafe.SliceData(r.sqes)), nil
}

// Enter implements giouring.Kernel.
func (k *Kernel) Enter(fd int, submit, wait, flags uint32, ts *syscall.Timespec) (uint, syscall.Errno) {
	r := k.ring(fd)
	if wait == 0 && k.cfg.Pause != nil {
		k.cfg.Pause(r)
	}
	n := min(submit, *r.word(r.sq, wTail)-*r.word(r.sq, wHead))
	if n > 1 && k.chance(k.cfg.Odds.Partial) {
		n = 1 + uint32(k.intN(int(n)-1)) // as when the kernel runs out of memory
		k.Stats["partial submit"]++
	}
	for range n {
		head := r.word(r.sq, wHead)
		sqe := r.sqes[*head&*r.word(r.sq, wMask)]
		*head++
		k.take(r, sqe)
	}
	if flags&giouring.EnterGetEvents == 0 || n < submit {
		return uint(n), 0 // Linux neither waits nor reaps completions after a partial submit
	}
	r.flush()
	if wait == 0 || r.ready() {
		return uint(n), 0
	}
	r.waiting, r.deadline = true, 0
	if ts != nil {
		r.deadline = k.cfg.Now() + ts.Nano()
	}
	for spurious := k.chance(k.cfg.Odds.Spurious); !r.ready(); {
		k.cfg.Wait(r)
		r.flush()
		if spurious || r.deadline != 0 && k.cfg.Now() >= r.deadline {
			break
		}
	}
	r.waiting = false
	switch {
	case n > 0 || r.ready():
		return uint(n), 0
	case r.deadline != 0 && k.cfg.Now() >= r.deadline:
		return 0, syscall.ETIME
	}
	return 0, syscall.EINTR
}

// ready reports whether completions are visible.
func (r *Ring) ready() bool { return *r.word(r.cq, wTail) != *r.word(r.cq, wHead) }

// Runnable reports whether the ring's loop can run: it is not waiting, or its wait is over.
func (r *Ring) Runnable() bool {
	return !r.waiting || len(r.backlog) > 0 || r.ready() || r.deadline != 0 && r.k.cfg.Now() >= r.deadline
}

// Waiting reports whether the ring's loop waits, and its deadline; 0: none.
func (r *Ring) Waiting() (deadline int64, waits bool) { return r.deadline, r.waiting }

// Ring returns the ring with descriptor fd.
func (k *Kernel) Ring(fd int) *Ring { return k.ring(fd) }

// Provided returns the number of a group's buffers that the kernel holds.
func (r *Ring) Provided(id uint16) int {
	g := r.groups[id]
	return int(g.tail() - g.head)
}

// FD returns the ring's descriptor.
func (r *Ring) FD() int { return r.fd }

// complete queues a completion. It becomes visible at the next enter with IORING_ENTER_GETEVENTS, as under
// IORING_SETUP_DEFER_TASKRUN.
func (r *Ring) complete(userData uint64, res int32, flags uint32) {
	r.backlog = append(r.backlog, giouring.CompletionQueueEvent{UserData: userData, Res: res, Flags: flags})
	*r.word(r.sq, wFlags) |= giouring.SQTaskrun
}

// flush moves completions to the queue while it has room.
func (r *Ring) flush() {
	tail, head, mask := r.word(r.cq, wTail), r.word(r.cq, wHead), *r.word(r.cq, wMask)
	n := 0
	for n < len(r.backlog) && *tail-*head <= mask {
		r.cqes[*tail&mask] = r.backlog[n]
		*tail++
		n++
	}
	r.backlog = slices.Delete(r.backlog, 0, n)
	flags := r.word(r.sq, wFlags)
	*flags &^= giouring.SQTaskrun | giouring.SQCQOverflow
	if len(r.backlog) > 0 {
		*flags |= giouring.SQCQOverflow
		r.k.Stats["completion queue full"]++
	}
}

// Register implements giouring.Kernel for the commands that package uring uses.
func (k *Kernel) Register(fd int, opcode uint32, arg unsafe.Pointer, _ uint32) (uint, syscall.Errno) {
	r := k.ring(fd)
	switch opcode {
	case giouring.RegisterPbufRing:
		reg := (*giouring.BufReg)(arg)
		r.groups[reg.Bgid] = &group{ring: (*giouring.BufAndRing)(pointer(reg.RingAddr)), entries: reg.RingEntries}
	case giouring.UnregisterPbufRing:
		delete(r.groups, (*giouring.BufReg)(arg).Bgid)
	case giouring.RegisterFiles2:
		r.slots = make([]int, (*giouring.RsrcRegister)(arg).Nr)
	case giouring.RegisterFilesUpdate2:
		up := (*giouring.RsrcUpdate2)(arg)
		for i, v := range unsafe.Slice((*int32)(pointer(up.Data)), up.Nr) {
			r.slots[int(up.Offset)+i] = int(v)
		}
		return uint(up.Nr), 0
	case giouring.RegisterBuffers2:
		r.slabs = make([]slab, (*giouring.RsrcRegister)(arg).Nr)
	case giouring.RegisterBuffersUpdate:
		up := (*giouring.RsrcUpdate2)(arg)
		for i, v := range unsafe.Slice((*syscall.Iovec)(pointer(up.Data)), up.Nr) {
			r.slabs[int(up.Offset)+i] = slab{addr(v.Base), addr(v.Base) + uintptr(v.Len)}
		}
	case giouring.UnregisterBuffers, giouring.UnregisterFiles:
	case giouring.RegisterSyncCancel:
		for len(r.ops) > 0 {
			r.cancel(r.ops[0])
		}
		return 0, syscall.ENOENT
	case giouring.RegisterRingFDs:
		return 0, syscall.EINVAL // the loop falls back to the plain descriptor
	default:
		k.cfg.Failf("simkernel: io_uring_register command %d", opcode)
	}
	return 0, 0
}

// Close implements giouring.Kernel.
func (k *Kernel) Close(fd int) {
	r := k.ring(fd)
	r.closed = true
	delete(k.files, fd)
	k.rings = slices.DeleteFunc(k.rings, func(o *Ring) bool { return o == r })
}

// eventfd is an eventfd(2) that a ring polls.
type eventfd struct{ signals int }

// Eventfd implements uring.Kernel.
func (k *Kernel) Eventfd() (int, error) { return k.open(&eventfd{}), nil }

// Signal implements uring.Kernel.
func (k *Kernel) Signal(fd int) {
	if e, ok := k.files[fd].(*eventfd); ok {
		e.signals++
	}
}

// CloseEventfd implements uring.Kernel.
func (k *Kernel) CloseEventfd(fd int) { delete(k.files, fd) }

// Left lists open descriptors and unfinished operations. After a clean shutdown it is empty.
func (k *Kernel) Left() (out []string) {
	for fd, f := range k.files {
		out = append(out, fmt.Sprintf("descriptor %d: %T", fd, f))
	}
	for _, r := range k.rings {
		for _, o := range r.ops {
			out = append(out, fmt.Sprintf("operation %d on %d", o.sqe.OpCode, o.fd))
		}
	}
	slices.Sort(out)
	return out
}

// pointer converts an address in an entry. The memory is outside the Go heap, or its owner keeps it alive.
func pointer(addr uint64) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&addr)) }

func memory(addr uint64, n int) []byte { return unsafe.Slice((*byte)(pointer(addr)), n) }
