package main

import (
	"errors"
	"os"
	"time"

	"github.com/ringtgt/ringtgt/internal/medium"
	"github.com/ringtgt/ringtgt/lun/backend"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/state"
)

// busyWait bounds how long a change waits for media that another process has locked: the changes behind it wait, too.
const busyWait = 250 * time.Millisecond

// unmake deletes the file that a change made for a unit before it was refused, and the identity that the file was given. A file that
// was there before stays, and so does one that has taken its place meanwhile. The backend is closed.
func (d *daemon) unmake(u *servedUnit) error {
	f, ok := u.backend.(*backend.File)
	if !ok || !f.Made() {
		return nil
	}
	if seen, err := medium.OfPath(u.cfg.Path); err != nil || medium.Differs(u.medium, seen) != "" {
		return nil
	}
	err := os.Remove(u.cfg.Path)
	if d.state != nil {
		if _, forget := d.state.Forget(u.cfg.Path); !errors.Is(forget, state.ErrUnknown) {
			err = errors.Join(err, forget)
		}
	}
	return err
}
