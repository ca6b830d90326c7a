package state

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/ringtgt/ringtgt/internal/medium"
)

// Disk is the record of a disk whose medium outlives the daemon. The fingerprint of its medium identifies it. Its name is the
// last path, so that a missing disk or another one in its place is noticed.
type Disk struct {
	ID      string             `json:"id"`
	Created time.Time          `json:"created"`
	Kind    medium.Kind        `json:"kind"`
	Name    string             `json:"name,omitempty"`   // its path as configured; "": another disk has that name now
	Real    string             `json:"real,omitempty"`   // for a file: the path without links
	Medium  medium.Fingerprint `json:"medium,omitempty"` // zero: saved by a version without fingerprints
	Lost    Losses             `json:"lost,omitzero"`
}

// Ask is a medium to be served.
type Ask struct {
	ID   string // the configured ID; "": the one in the state, or a new one
	Kind medium.Kind
	Path string             // as configured
	Seen medium.Fingerprint // what is at Path; zero: nothing
}

// Outcome is the result of looking a medium up.
type Outcome string

const (
	Fresh   Outcome = "new"   // never served before
	Known   Outcome = "known" // known and unchanged
	Renamed Outcome = "moved" // known under another name
	Filled  Outcome = "first" // known by name from a version without fingerprints; its fingerprint is saved from now on
)

// Finding is the disk that a medium belongs to. The ID is "" for a new disk without a configured ID.
type Finding struct {
	Disk    Disk
	Outcome Outcome
}

// Disks is the set of known disks. It is not safe for concurrent use.
type Disks struct {
	dir    string
	exists bool
	all    map[string]*Disk // by ID
	byName map[string][]*Disk
	byKey  map[string][]*Disk
	blank  []*Disk // without a fingerprint
}

func newDisks(dir string) *Disks {
	return &Disks{dir: dir, all: map[string]*Disk{}, byName: map[string][]*Disk{}, byKey: map[string][]*Disk{}}
}

// put stores k, replacing the record with its ID.
func (d *Disks) put(k Disk) {
	d.drop(k.ID)
	d.all[k.ID] = &k
	for _, n := range k.names() {
		d.byName[n] = append(d.byName[n], &k)
	}
	for _, key := range k.Medium.Keys() {
		d.byKey[key] = append(d.byKey[key], &k)
	}
	if k.Medium.IsZero() {
		d.blank = append(d.blank, &k)
	}
}

func (d *Disks) drop(id string) {
	k := d.all[id]
	if k == nil {
		return
	}
	isK := func(o *Disk) bool { return o == k }
	for _, n := range k.names() {
		d.byName[n] = slices.DeleteFunc(d.byName[n], isK)
	}
	for _, key := range k.Medium.Keys() {
		d.byKey[key] = slices.DeleteFunc(d.byKey[key], isK)
	}
	d.blank = slices.DeleteFunc(d.blank, isK)
	delete(d.all, id)
}

// names returns a disk's keys in byName.
func (k *Disk) names() (out []string) {
	if k.Name != "" {
		out = append(out, string(k.Kind)+":"+k.Name)
	}
	if k.Real != "" && k.Real != k.Name {
		out = append(out, string(k.Kind)+":"+k.Real)
	}
	return out
}

// named returns the record of disk a at its place.
func (a Ask) named(k Disk) Disk {
	k.Kind, k.Name, k.Real = a.Kind, medium.Name(a.Path), ""
	if a.Kind == medium.File {
		k.Real = medium.Real(a.Path) // a device's links may lead elsewhere later; their own names stay
	}
	return k
}

// Exists reports whether there is a state.
func (d *Disks) Exists() bool { return d.exists }

// List returns all disks, sorted by name.
func (d *Disks) List() []Disk {
	var out []Disk
	for _, k := range d.all {
		out = append(out, *k)
	}
	slices.SortFunc(out, func(a, b Disk) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	return out
}

// named returns the disks that were last at a's place.
func (d *Disks) named(a Ask) []*Disk {
	here := a.named(Disk{})
	seen := map[*Disk]bool{}
	for _, n := range here.names() {
		for _, k := range d.byName[n] {
			seen[k] = true
		}
	}
	return slices.SortedFunc(maps.Keys(seen), func(a, b *Disk) int { return cmp.Compare(a.ID, b.ID) })
}

// withMedium returns the disks whose medium is f.
func (d *Disks) withMedium(f medium.Fingerprint) []*Disk {
	seen := map[*Disk]bool{}
	for _, key := range f.Keys() {
		for _, k := range d.byKey[key] {
			if medium.Same(k.Medium, f) {
				seen[k] = true
			}
		}
	}
	// A disk from a version without fingerprints may have had another spelling.
	for _, k := range d.blank {
		if at, err := medium.OfPath(k.Name); err == nil && medium.SharesPlace(at, f) {
			seen[k] = true
		}
	}
	return slices.SortedFunc(maps.Keys(seen), func(a, b *Disk) int { return cmp.Compare(a.ID, b.ID) })
}

// Find returns the disk that a asks for. If it cannot be served, because the known disk is missing, is another one or has lost
// blocks, the error is a *Refusal. Find changes nothing.
func (d *Disks) Find(a Ask) (Finding, error) {
	var configured *Disk
	if a.ID != "" {
		configured = d.all[a.ID]
	}
	here := d.named(a)
	if a.Seen.IsZero() {
		for _, k := range append(present(configured), here...) {
			return Finding{}, &Refusal{State: d.dir, Ask: a, Disk: *k, Reason: Missing}
		}
		return Finding{Disk: a.named(Disk{ID: a.ID}), Outcome: Fresh}, nil
	}
	expected := here
	if configured != nil {
		// With the right ID a disk may have any name.
		expected = present(configured)
	}
	for _, k := range expected {
		if err := d.fits(a, k); err != nil {
			return Finding{}, err
		}
	}
	found := Finding{Outcome: Known}
	media := d.withMedium(a.Seen)
	switch {
	case len(expected) > 1:
		return Finding{}, &Refusal{State: d.dir, Ask: a, Disk: *expected[0], Other: expected[1], Reason: Ambiguous}
	case len(expected) == 1:
		found.Disk = *expected[0]
		if found.Disk.Medium.IsZero() {
			found.Outcome = Filled
		}
		for _, k := range media {
			if k != expected[0] && found.Outcome == Filled {
				return Finding{}, &Refusal{State: d.dir, Ask: a, Disk: found.Disk, Other: k, Reason: Ambiguous}
			}
		}
	case len(media) > 1 && a.ID == "":
		return Finding{}, &Refusal{State: d.dir, Ask: a, Disk: *media[0], Other: media[1], Reason: Ambiguous}
	case len(media) > 0:
		if err := d.fits(a, media[0]); err != nil {
			return Finding{}, err
		}
		found = Finding{Disk: *media[0], Outcome: Renamed}
	default:
		found.Outcome = Fresh
	}
	if k := found.Disk; !k.Lost.Cut.IsZero() {
		return Finding{}, &Refusal{State: d.dir, Ask: a, Disk: k, Reason: Cut}
	}
	if a.ID != "" {
		found.Disk.ID = a.ID
	}
	found.Disk = a.named(found.Disk)
	return found, nil
}

func present(k *Disk) []*Disk {
	if k == nil {
		return nil
	}
	return []*Disk{k}
}

// bornSlack is how much later than its disk's identity a file's birth time may be: a file server's clock is not ours.
const bornSlack = 10 * time.Minute

// fits returns why a cannot be disk k, nil if it can.
func (d *Disks) fits(a Ask, k *Disk) error {
	why := ""
	if k.Medium.IsZero() {
		if born, ok := a.Seen.Born(); ok && born.After(k.Created.Add(bornSlack)) {
			why = fmt.Sprintf("it was created %s, after the disk's identity", born.Format(time.RFC3339))
		}
	} else {
		why = medium.Differs(k.Medium, a.Seen)
	}
	if why == "" {
		return nil
	}
	return &Refusal{State: d.dir, Ask: a, Disk: *k, Reason: Another, Why: why}
}
