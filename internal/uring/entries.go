package uring

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/ringtgt/ringtgt/engine/giouring"
)

// EntrySize is the size of a queue's entries. Commands of drivers (UringCmd), such as NVMe passthrough, need large ones.
type EntrySize = giouring.EntrySize

const (
	Small = giouring.Small // 64 bytes to submit, 16 to complete
	Big   = giouring.Big   // twice that
	Mixed = giouring.Mixed // both: Linux 6.18 for completions, 6.19 for submissions
)

// sizeFlags are the set-up flags for a configuration's entry sizes.
func sizeFlags(cfg Config) uint32 {
	return [...]uint32{0, giouring.SetupSQE128, giouring.SetupSQEMixed}[cfg.SQESize] |
		[...]uint32{0, giouring.SetupCQE32, giouring.SetupCQEMixed}[cfg.CQESize]
}

// sizesRefused explains a failed set-up if the kernel would accept the ring with small entries; otherwise it returns nil.
func sizesRefused(cfg Config, err error) error {
	if sizeFlags(cfg) == 0 || !errors.Is(err, syscall.EINVAL) {
		return nil
	}
	why := func(queue string, size EntrySize, kernel string) error {
		return fmt.Errorf("%w: the kernel has no %s entries of %v size; Linux %s or newer is needed: %w", ErrUnsupported, queue, size, kernel, err)
	}
	accepted := func(sqe, cqe EntrySize) bool {
		c := cfg
		c.SQESize, c.CQESize = sqe, cqe
		g, _, err := setup(c)
		if err == nil {
			g.QueueExit()
		}
		return err == nil
	}
	newest := func(size EntrySize, mixed string) string {
		if size == Mixed {
			return mixed
		}
		return MinKernel
	}
	switch {
	case cfg.SQESize != Small && accepted(Small, cfg.CQESize):
		return why("submission", cfg.SQESize, newest(cfg.SQESize, "6.19"))
	case cfg.CQESize != Small && accepted(cfg.SQESize, Small):
		return why("completion", cfg.CQESize, newest(cfg.CQESize, "6.18"))
	case accepted(Small, Small):
		return why("submission and completion", cfg.SQESize, newest(cfg.SQESize, "6.19"))
	}
	return nil
}

// measure passes over padding and determines the size of the next completion, in a queue of mixed sizes. It returns false if there
// was nothing but padding.
func (r *Ring) measure() bool {
	for {
		c := r.g.CQEAt(r.seen)
		if c.Flags&giouring.CQEFSkip == 0 {
			r.width = r.g.CQESlots(c)
			return true
		}
		r.seen++
		r.filler++
		if r.seen == r.ready && !r.look() {
			return false
		}
	}
}

// Extra returns the further 16 bytes of the completion that Peek returned; zeroes if it is a small one. Call it before Seen.
func (r *Ring) Extra() [2]uint64 {
	if r.g.CQESize() == Small || r.mixed && r.width == 1 {
		return [2]uint64{}
	}
	return r.g.CQE32At(r.seen).Extra
}

// CommandRoom returns how many bytes a command of UringCmd may have: 16, or 80 in a ring with large submission entries.
func (r *Ring) CommandRoom() int {
	if r.g.SQESize() == Small {
		return giouring.CommandSize
	}
	return giouring.Command128
}

// UringCmd passes command op of fd's driver to the kernel, with the driver's structure cmd, of at most CommandRoom bytes. A driver
// that has no such command completes it with -EOPNOTSUPP, one that wants larger entries with -EINVAL.
func (r *Ring) UringCmd(fd FD, op uint32, cmd []byte, ud uint64) {
	if len(cmd) > r.CommandRoom() {
		panic(fmt.Sprintf("uring: a command of %d bytes, and entries have room for %d", len(cmd), r.CommandRoom()))
	}
	code := giouring.OpUringCmd
	if r.g.SQESize() == Small || r.g.SQESize() == Mixed && len(cmd) <= giouring.CommandSize {
		e := r.sqe()
		*e = giouring.SubmissionQueueEntry{}
		copy(e.Command()[:], cmd)
		e.OpCode, e.Fd, e.Off, e.Flags, e.UserData = code, int32(fd.num()), uint64(op), fd.flags(), ud
		return
	}
	if r.g.SQESize() == Mixed {
		code = giouring.OpUringCmd128
	}
	e := r.sqe128()
	*e = giouring.SubmissionQueueEntry128{}
	copy(e.Command()[:], cmd)
	e.OpCode, e.Fd, e.Off, e.Flags, e.UserData = code, int32(fd.num()), uint64(op), fd.flags(), ud
}

// sqe128 returns a free entry of 128 bytes. If the ring has failed, it is one that is never submitted, as in sqeFull.
func (r *Ring) sqe128() *giouring.SubmissionQueueEntry128 {
	for range retryEnters {
		if e := r.g.GetSQE128(); e != nil {
			return e
		}
		if r.enter(giouring.EnterGetEvents) != nil {
			return &giouring.SubmissionQueueEntry128{}
		}
	}
	r.err = fmt.Errorf("uring: the kernel takes no submissions: %w", syscall.EAGAIN)
	return &giouring.SubmissionQueueEntry128{}
}
