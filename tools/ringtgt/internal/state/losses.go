package state

import (
	"time"

	"github.com/ringtgt/ringtgt/lun/backend/medium"
)

// Losses are what a disk's medium lost of acknowledged data while it was served. They stay with the disk until somebody
// adopts the medium as it is.
type Losses struct {
	// Cut is when the file was first found shorter than the unit; zero: it never was. It may have its old length again, with
	// zeroes in place of data, so a disk that has it is not served.
	Cut  time.Time `json:"cut,omitzero"`
	From int64     `json:"from,omitempty"` // with Cut: the first byte that was lost
	// Writes is when acknowledged writes were last found to be lost on their way to the medium; zero: none were. Which blocks
	// they were for nobody knows: the disk is served, and it is told at each start.
	Writes time.Time `json:"writes,omitzero"`
}

// with is l and what o has besides. Nothing is taken back.
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

// Note keeps what is found of a disk while it is served: that its medium has grown, and what it lost. When it returns, that
// is on the state's medium. Nothing that was kept before is taken back. shrunk says why the medium, as it is, will not be
// taken for the disk at the next start; "": it will.
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
