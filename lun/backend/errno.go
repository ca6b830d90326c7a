package backend

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/ringtgt/ringtgt/lun"
)

// ioError is a failed system call, and the device server's error for it.
type ioError struct {
	errno unix.Errno
	kind  error // nil: unknown
}

func (e *ioError) Error() string {
	if e.kind == nil {
		return fmt.Sprintf("backend: %v", e.errno)
	}
	return fmt.Sprintf("%v: %v", e.kind, e.errno)
}

// Errno returns the errno, for the unit's health.
func (e *ioError) Errno() int { return int(e.errno) }

// Unwrap makes errors.Is match both.
func (e *ioError) Unwrap() []error {
	if e.kind == nil {
		return []error{e.errno}
	}
	return []error{e.kind, e.errno}
}

// meaning sorts the errnos of read, write, fdatasync and fallocate. The block layer maps a device's status to an errno in its
// table blk_errors (block/blk-core.c): EIO, ENODATA (critical medium), EREMOTEIO (critical target), EILSEQ (protection),
// ENOSPC (space allocation), ENOLINK (transport), ETIMEDOUT, EBADE (reservation conflict), ENODEV (offline), and EAGAIN,
// EBUSY and ENOMEM (resources).
//
//   - ETIMEDOUT comes after the kernel's own error recovery failed: the device does not answer, on this path at least.
//   - EBADE is another host's reservation on the underlying device. To this host the device is gone, and NOT READY makes
//     multipath try the paths through other hosts.
//   - FUSE returns ENOTCONN when its daemon has died and ECONNABORTED after an abort; a network filesystem that lost its
//     server returns ESTALE, EHOSTDOWN, ETIMEDOUT and the like. A FUSE daemon passes on what its own sockets said: ECONNREFUSED while
//     its server restarts, EPIPE when it has written to one that is gone. Every errno that a lost peer can cause means the same, so that
//     multipath tries another path; without a meaning it would be an internal error, which some initiators repeat on the same path.
//   - ECANCELED comes from io_uring when it could not create a worker thread (io-wq.c, io_acct_cancel_pending_work). Nothing
//     else cancels our requests.
func meaning(e unix.Errno) error {
	switch e {
	case unix.EIO, unix.ENODATA, unix.EREMOTEIO, unix.EILSEQ, unix.EBADMSG, unix.EUCLEAN:
		return lun.ErrMedium
	case unix.ENOSPC, unix.EDQUOT, unix.EFBIG:
		return lun.ErrNoSpace
	case unix.EROFS, unix.EPERM, unix.EACCES:
		return lun.ErrReadOnly
	case unix.ENXIO, unix.ENODEV, unix.ESTALE, unix.ENOMEDIUM, unix.ESHUTDOWN,
		unix.ENOTCONN, unix.ECONNABORTED, unix.ECONNRESET, unix.ECONNREFUSED, unix.EPIPE, unix.EHOSTDOWN, unix.EHOSTUNREACH,
		unix.ENETDOWN, unix.ENETUNREACH, unix.ENETRESET, unix.ENONET, unix.ECOMM, unix.ENOLINK, unix.ETIMEDOUT, unix.EBADE:
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
