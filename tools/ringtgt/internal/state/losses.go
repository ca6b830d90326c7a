package state

import (
	"time"

	"github.com/ringtgt/ringtgt/internal/medium"
)

// Losses records acknowledged data that a disk's medium lost while it was served. It stays with the disk until the medium is
// adopted as it is.
type Losses struct {
	// Cut is when the file was first found shorter than the unit; zero: never. The file may have its old length again, with
	// zeroes in place of data, so the disk is not served.
	Cut  time.Time `json:"cut,omitzero"`
	From int64     `json:"from,omitempty"` // with Cut: the first lost byte
	// Writes is when acknowledged writes were last found to be lost on their way to the medium; zero: never. Their blocks are
	// unknown, so the disk is served, with a warning at each start.
	Writes time.Time `json:"writes,omitzero"`
}

// with returns the union of l and o.
func (l Losses) with(o Losses) Losses {
	switch {
	case o.Cut.IsZero():
	case l.Cut.IsZero():
		l.Cut, l.From = o.Cut, o.From
	default:
		l.From = min(l.From, o.From)
	}
	if o.Writes.After(l.Writes) {
		l.Writes = o.Writes
	}
	return l
}

func (l Losses) equal(o Losses) bool {
	return l.Cut.Equal(o.Cut) && l.From == o.From && l.Writes.Equal(o.Writes)
}

// Note saves findings on a disk while it is served: that its medium has grown, and what it has lost. When it returns, they are
// on the state's medium. It never removes earlier findings. shrunk is why the medium in its present form will be refused at the
// next start, "" if it will not.
func (s *State) Note(id string, seen medium.Fingerprint, lost Losses) (shrunk string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.disks.all[id]
	if known == nil {
		return "", ErrUnknown
	}
	k := *known
	if !seen.IsZero() {
		if shrunk = medium.Differs(k.Medium, seen); shrunk == "" {
			k.Medium = medium.Merge(k.Medium, seen)
		}
	}
	k.Lost = k.Lost.with(lost)
	if k.equal(*known) {
		return shrunk, nil
	}
	return shrunk, s.commit(changes{put: []Disk{k}})
}
