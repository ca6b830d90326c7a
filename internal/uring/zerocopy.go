package uring

import (
	"fmt"
	"runtime"
	"syscall"
	"time"
)

// ZeroCopy is what the kernel can do for SendMsgZC.
type ZeroCopy uint8

const (
	NoZeroCopy    ZeroCopy = iota // it cannot report whether it copied (before 6.2)
	ZeroCopyPages                 // it pins the pages of each send
	ZeroCopySlabs                 // it also takes pieces of a slab, whose pages are pinned already (6.15)
)

func (z ZeroCopy) String() string {
	switch z {
	case NoZeroCopy:
		return "none"
	case ZeroCopyPages:
		return "pages pinned for each send"
	case ZeroCopySlabs:
		return "registered buffers"
	}
	return fmt.Sprintf("ZeroCopy(%d)", uint8(z))
}

// ProbeZeroCopy determines what the kernel can do, without a connection: it checks the flags of a send before the descriptor, so a
// send on no descriptor fails with EINVAL only where it does not know the flags. It may be called on any goroutine.
func ProbeZeroCopy() (ZeroCopy, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	r, err := New(Config{Entries: 4, CQEntries: 8})
	if err != nil {
		return NoZeroCopy, err
	}
	defer r.Close()
	a, err := NewArena(1)
	if err != nil {
		return NoZeroCopy, err
	}
	defer a.Close()
	msg, err := Alloc[Msghdr](a, 1)
	if err != nil {
		return NoZeroCopy, err
	}
	iov, err := Alloc[Iovec](a, 1)
	if err != nil {
		return NoZeroCopy, err
	}
	iov[0].Base = &a.mem[0]
	iov[0].SetLen(1)
	msg[0].Iov, msg[0].Iovlen = &iov[0], 1
	for step, slab := range []int{-1, 0} { // each includes the one before
		errno, err := r.tryZeroCopy(&msg[0], slab)
		if err != nil {
			return NoZeroCopy, err
		}
		if errno == syscall.EINVAL {
			return ZeroCopy(step), nil
		}
	}
	return ZeroCopySlabs, nil
}

// tryZeroCopy sends on no descriptor and returns the error of the completion.
func (r *Ring) tryZeroCopy(msg *Msghdr, slab int) (syscall.Errno, error) {
	const ud = 1
	r.SendMsgZC(-1, msg, 0, slab, ud)
	var errno syscall.Errno
	for open := 1; open > 0; {
		c, ok := r.Peek()
		if !ok {
			if err := r.SubmitAndWait(time.Second); err != nil {
				return 0, err
			}
			continue
		}
		r.Seen()
		if c.UserData != ud {
			continue // a wake-up
		}
		if !c.More() {
			open--
		}
		if is, _ := c.Notification(); !is {
			errno = c.Errno()
		}
	}
	return errno, nil
}
