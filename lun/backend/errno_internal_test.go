package backend

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/lun"
)

// Every errno that says that the other end of a connection is not there, or not any more, means that the medium is gone.
func TestLostPeersAreGone(t *testing.T) {
	for _, e := range []unix.Errno{
		unix.EPIPE, unix.ECONNREFUSED, unix.ECONNRESET, unix.ECONNABORTED, unix.ENOTCONN, unix.ESHUTDOWN, unix.ETIMEDOUT,
		unix.EHOSTDOWN, unix.EHOSTUNREACH, unix.ENETDOWN, unix.ENETUNREACH, unix.ENETRESET, unix.ENONET, unix.ECOMM, unix.ENOLINK, unix.ESTALE,
	} {
		check.That(t, errors.Is(failure(-int(e)), lun.ErrGone), "%v means %v", e, meaning(e))
	}
}
