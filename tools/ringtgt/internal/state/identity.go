package state

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ringtgt/ringtgt/internal/medium"
	"go.etcd.io/bbolt"
)

// Identity identifies a unit whose medium ends with the daemon. Its serial number and NAA designator are derived from ID.
type Identity struct {
	ID      string    `json:"id"`
	Created time.Time `json:"created"`
}

// NewID returns a unique identity: 128 random bits. It does not depend on names or LUNs, which are equal on machines set up
// alike: an initiator would take equal identities for paths to one disk.
func NewID() string {
	var b [16]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// UnitName returns the name of a medium without a path, after its target and LUN.
func UnitName(kind, target string, lun int) string {
	return fmt.Sprintf("%s:%s/%d", kind, target, lun)
}

// Find calls Disks.Find with the current state.
func (s *State) Find(a Ask) (Finding, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.disks.Find(a)
}

// Bind determines the identities of the media in asks and of the units by name, and saves changes in one transaction; without
// changes there is none. After an error nothing is saved.
func (s *State) Bind(asks []Ask, units []string) (found []Finding, ids []Identity, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now().UTC().Truncate(time.Second)
	var c changes
	bound := map[string]bool{}
	for _, a := range asks {
		f, err := s.disks.Find(a)
		if err != nil {
			return nil, nil, err
		}
		var old *Disk
		if f.Outcome != Fresh {
			old = s.disks.before(a)
		}
		if f.Disk.ID == "" {
			f.Disk.ID = NewID()
		}
		taken := []string{f.Disk.ID}
		if old != nil && old.ID != f.Disk.ID {
			taken = append(taken, old.ID)
			c.drop = append(c.drop, old.ID) // the disk has a new configured ID
		}
		for _, id := range taken {
			if bound[id] {
				return nil, nil, &Refusal{State: s.dir, Ask: a, Disk: f.Disk, Reason: Twice}
			}
			bound[id] = true
		}
		if f.Disk.Created.IsZero() {
			f.Disk.Created = now
		}
		f.Disk.Medium = medium.Merge(f.Disk.Medium, a.Seen)
		for _, k := range s.disks.named(a) {
			if k.ID != f.Disk.ID && k != old {
				gone := *k
				gone.Name, gone.Real = "", ""
				c.put = append(c.put, gone)
			}
		}
		if was := s.disks.all[f.Disk.ID]; was == nil || !was.equal(f.Disk) {
			c.put = append(c.put, f.Disk)
		}
		found = append(found, f)
	}
	for _, name := range units {
		id, ok := s.units[name]
		if !ok {
			id = Identity{ID: NewID(), Created: now}
			c.units = append(c.units, unit{name, id})
		}
		ids = append(ids, id)
	}
	if err := s.commit(c); err != nil {
		return nil, nil, err
	}
	return found, ids, nil
}

// before returns the record of the disk that Find found, before this change.
func (d *Disks) before(a Ask) *Disk {
	if k := d.all[a.ID]; a.ID != "" && k != nil {
		return k
	}
	if here := d.named(a); len(here) > 0 {
		return here[0]
	}
	if media := d.withMedium(a.Seen); len(media) > 0 {
		return media[0]
	}
	return nil
}

func (k *Disk) equal(o Disk) bool {
	return k.ID == o.ID && k.Created.Equal(o.Created) && k.Kind == o.Kind && k.Name == o.Name && k.Real == o.Real &&
		k.Medium.String() == o.Medium.String() && k.Lost.equal(o.Lost)
}

// Errors that Adopt and Forget return.
var (
	ErrUnknown = errors.New("the state has no such disk")
	ErrNothing = errors.New("nothing is there")
)

// Adopt makes the medium at a the medium of the disk that the state knows by that name or by a's ID: it is a copy or was
// restored. An ID that the state does not know means a disk from another machine. Adopt clears the disk's losses and returns
// them.
func (s *State) Adopt(a Ask) (k Disk, lost Losses, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a.Seen.IsZero() {
		return Disk{}, Losses{}, ErrNothing
	}
	here := s.disks.named(a)
	switch known := s.disks.all[a.ID]; {
	case a.ID != "" && known != nil:
		k = *known
	case a.ID != "":
		k = Disk{ID: a.ID, Created: time.Now().UTC().Truncate(time.Second)}
	case len(here) == 0:
		return Disk{}, Losses{}, fmt.Errorf("%w at %s; choose one with --id", ErrUnknown, medium.Name(a.Path))
	case len(here) > 1:
		return Disk{}, Losses{}, &Refusal{State: s.dir, Ask: a, Disk: *here[0], Other: here[1], Reason: Ambiguous}
	default:
		k = *here[0]
	}
	for _, o := range s.disks.withMedium(a.Seen) {
		if o.ID != k.ID {
			return Disk{}, Losses{}, &Refusal{State: s.dir, Ask: a, Disk: k, Other: o, Reason: Ambiguous}
		}
	}
	k = a.named(k)
	k.Medium = a.Seen
	k.Lost, lost = Losses{}, k.Lost
	c := changes{put: []Disk{k}}
	for _, o := range here {
		if o.ID != k.ID {
			gone := *o
			gone.Name, gone.Real = "", ""
			c.put = append(c.put, gone)
		}
	}
	return k, lost, s.commit(c)
}

// Forget removes the disk with this ID or path, with its reservations and everything else saved for it.
func (s *State) Forget(which string) (Disk, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.disks.all[which]
	if k == nil {
		path := which
		var here []*Disk
		for _, kind := range []medium.Kind{medium.File, medium.Block} {
			p, ok := strings.CutPrefix(path, string(kind)+":")
			if !ok {
				p = path
			}
			here = append(here, s.disks.named(Ask{Kind: kind, Path: p})...)
		}
		switch {
		case len(here) == 0:
			return Disk{}, fmt.Errorf("%w as %s", ErrUnknown, which)
		case len(here) > 1:
			return Disk{}, fmt.Errorf("%s is two disks, %s and %s: name one by its ID", which, here[0].Describe(), here[1].Describe())
		}
		k = here[0]
	}
	gone := *k
	return gone, s.commit(changes{drop: []string{gone.ID}, forget: []string{gone.ID}})
}

// changes are the changes of one transaction.
type changes struct {
	drop   []string // disks by ID, before put
	put    []Disk
	units  []unit
	forget []string // IDs whose values are removed, too
}

type unit struct {
	name string
	id   Identity
}

// commit saves c in the database and then in memory.
func (s *State) commit(c changes) error {
	if len(c.drop)+len(c.put)+len(c.units)+len(c.forget) == 0 {
		return nil // a transaction would cost a sync
	}
	err := s.update(func(tx *bbolt.Tx) error {
		disks, units, values := tx.Bucket(bucketDisks), tx.Bucket(bucketIdentity), tx.Bucket(bucketValues)
		for _, id := range c.drop {
			if err := disks.Delete([]byte(id)); err != nil {
				return err
			}
		}
		for _, k := range c.put {
			if err := putJSON(disks, k.ID, k); err != nil {
				return err
			}
		}
		for _, u := range c.units {
			if err := putJSON(units, u.name, u.id); err != nil {
				return err
			}
		}
		for _, id := range c.forget {
			if err := forgetValues(values, id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, id := range c.drop {
		s.disks.drop(id)
	}
	for _, k := range c.put {
		s.disks.put(k)
	}
	for _, u := range c.units {
		s.units[u.name] = u.id
	}
	return nil
}

// forgetValues removes the device server's values for a unit: their keys end in the unit's ID.
func forgetValues(values *bbolt.Bucket, id string) error {
	var gone [][]byte
	err := values.ForEach(func(k, _ []byte) error {
		if strings.HasSuffix(string(k), "/"+id) {
			gone = append(gone, append([]byte{}, k...))
		}
		return nil
	})
	for _, k := range gone {
		err = errors.Join(err, values.Delete(k))
	}
	return err
}

func putJSON(b *bbolt.Bucket, key string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return b.Put([]byte(key), text)
}
