package backend

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/ringtgt/ringtgt/lun"
)

// ioError is a failed system call and what it means to the initiator.
type ioError struct {
	errno unix.Errno
	kind  error // nil: nothing is known of it
}

func (e *ioError) Error() string {
	if e.kind == nil {
		return fmt.Sprintf("backend: %v", e.errno)
	}
	return fmt.Sprintf("%v: %v", e.kind, e.errno)
}

// Errno is the number, for the unit's health.
func (e *ioError) Errno() int { return int(e.errno) }

// Unwrap gives errors.Is both.
func (e *ioError) Unwrap() []error {
	if e.kind == nil {
		return []error{e.errno}
	}
	return []error{e.kind, e.errno}
}

// meaning sorts the errnos that a read, write, sync or fallocate gives. What the kernel's block layer makes of a device's
// answer stands in its blk_errors table: EIO, ENODATA (critical medium), EREMOTEIO (critical target), EILSEQ (protection),
// ENOSPC (space allocation), ENOLINK (transport), ETIMEDOUT, EAGAIN and ENOMEM (resources), ENODEV (offline). A filesystem in
// user space whose daemon has died says ENOTCONN, one that was aborted ECONNABORTED; a network filesystem that lost its
// server says ESTALE, EHOSTDOWN and the like. Nobody cancels a request of ours: ECANCELED is io_uring's when it could not
// make the thread that was to carry it out (io-wq.c, io_acct_cancel_pending_work), on a busy machine.
func meaning(e unix.Errno) error {
	switch e {
	case unix.EIO, unix.ENODATA, unix.EREMOTEIO, unix.EILSEQ, unix.EBADMSG, unix.EUCLEAN:
		return lun.ErrMedium
	case unix.ENOSPC, unix.EDQUOT, unix.EFBIG:
		return lun.ErrNoSpace
	case unix.EROFS, unix.EPERM, unix.EACCES:
		return lun.ErrReadOnly
	case unix.ENXIO, unix.ENODEV, unix.ESTALE, unix.ENOMEDIUM, unix.ESHUTDOWN,
		unix.ENOTCONN, unix.ECONNABORTED, unix.ECONNRESET, unix.EHOSTDOWN, unix.EHOSTUNREACH, unix.ENETDOWN, unix.ENETUNREACH, unix.ENOLINK:
		return lun.ErrGone
	case unix.EAGAIN, unix.ENOMEM, unix.EBUSY, unix.ENOBUFS, unix.EINTR, unix.ECANCELED:
		return lun.ErrBusy
	case unix.EOPNOTSUPP, unix.ENOSYS:
		return lun.ErrUnsupported
	}
	return nil
}

// failure is the error of a result n < 0 of a Queue call.
func failure(n int) *ioError {
	e := unix.Errno(-n)
	return &ioError{errno: e, kind: meaning(e)}
}
