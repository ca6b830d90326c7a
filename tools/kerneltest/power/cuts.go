package power

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// Piece is the part of an uncertain write that a cut leaves on the medium: sectors [From, To) of the entry.
type Piece struct {
	Entry    int
	From, To int64
}

// Left describes one disk after a cut: it has the first Prefix entries of its log and Pieces of later ones.
type Left struct {
	Prefix int
	Pieces []Piece
}

// Changed reports whether two cuts leave different disks.
func (l *Log) Changed(a, b Left) bool {
	from, to := min(a.Prefix, b.Prefix), max(a.Prefix, b.Prefix)
	return len(a.Pieces) > 0 || len(b.Pieces) > 0 || slices.ContainsFunc(l.Entries[from:to], Entry.Writes)
}

// Cut is a point at which the power fails.
type Cut struct {
	// Event is the number of the last event before the cut. Its promises and those of earlier events must hold.
	Event int
	// Disks describes each disk after the cut, in the order of Disks.
	Disks []Left
	// Name identifies the cut in a failure message.
	Name string
}

// Cuts lists the cuts that the logs allow, in the order of time. At each event there is one with only what was certainly on
// the medium. Between events there are cuts before each flush and each FUA write of a disk: with none of the cached writes,
// with all of them, and with random parts of them (extra times, chosen by seed). A write under way may leave any of its
// sectors.
//
// Cached writes can be placed only before their flush: the log does not tell when they began, but they began before the
// flush.
func Cuts(logs []*Log, seed uint64, extra int) ([]Cut, []Event, error) {
	var events []Event
	marks := make([][]int, len(logs))
	for i, log := range logs {
		theirs, at, err := log.Events()
		switch {
		case err != nil:
			return nil, nil, fmt.Errorf("log %d: %w", i, err)
		case i > 0 && !slices.Equal(theirs, events):
			return nil, nil, fmt.Errorf("log %d has %d events, which are not those of log 0 (%d)", i, len(theirs), len(events))
		}
		events, marks[i] = theirs, at
	}
	begin := slices.IndexFunc(events, func(e Event) bool { return e.Op == OpBegin })
	if begin < 0 || events[len(events)-1].Op != OpEnd {
		return nil, nil, fmt.Errorf("the logs do not go from %q to %q", OpBegin, OpEnd)
	}
	var cuts []Cut
	for n := begin; n < len(events); n++ {
		at := make([]Left, len(logs))
		for i := range logs {
			at[i].Prefix = marks[i][n] + 1
		}
		cuts = append(cuts, Cut{Event: n + 1, Disks: at, Name: fmt.Sprintf("at event %d", n+1)})
		if n+1 == len(events) {
			break
		}
		for i, log := range logs {
			for _, left := range cutsBetween(log, marks[i][n]+1, marks[i][n+1], rand.New(rand.NewPCG(seed, uint64(n)<<8|uint64(i))), extra) {
				disks := slices.Clone(at)
				disks[i] = left.Left
				cuts = append(cuts, Cut{Event: n + 1, Disks: disks, Name: fmt.Sprintf("after event %d, log %d %s", n+1, i, left.name)})
			}
		}
	}
	return cuts, events, nil
}

type namedLeft struct {
	Left
	name string
}

// cutsBetween lists the cuts of one disk among its entries [from, to).
func cutsBetween(log *Log, from, to int, rng *rand.Rand, extra int) (cuts []namedLeft) {
	group := from // the first write that the next flush makes durable
	for i := from; i < to; i++ {
		e := log.Entries[i]
		if e.Flags&(FlagFlush|FlagFUA) == 0 {
			continue
		}
		var under []Piece // everything uncertain: the group and the entry itself
		for j := group; j < i; j++ {
			under = append(under, Piece{j, 0, log.Entries[j].Sectors})
		}
		// A flush with data writes the data after the flush, so any part of it implies the whole group.
		add := func(what string, pieces []Piece) {
			cuts = append(cuts, namedLeft{Left{group, pieces}, fmt.Sprintf("before entry %d, %s", i, what)})
		}
		if i > from {
			add("nothing of what was cached", nil)
		}
		if len(under) > 0 {
			add("all of what was cached", under)
			for k := range extra {
				add(fmt.Sprintf("part %d of what was cached", k), some(log, under, rng))
			}
		}
		if e.Writes() && e.Sectors > 1 {
			own := Piece{i, 0, e.Sectors}
			add("torn", append(slices.Clone(under), torn(e, own, rng)))
		}
		group = i + 1
	}
	return cuts
}

// some drops each write, keeps it, or keeps a part of it, independently.
func some(log *Log, all []Piece, rng *rand.Rand) (pieces []Piece) {
	for _, p := range all {
		switch rng.IntN(3) {
		case 0:
			pieces = append(pieces, p)
		case 1:
			pieces = append(pieces, torn(log.Entries[p.Entry], p, rng))
		}
	}
	return pieces
}

// torn returns a part of a write. Drives write sectors in any order; a contiguous range stands for that. The superblock of
// ext4 lies in sectors 2 and 3 under one checksum, and no mount accepts half of it: such a write is kept whole or dropped, as
// on drives with sectors of 4096 bytes.
func torn(e Entry, p Piece, rng *rand.Rand) Piece {
	from := p.From + rng.Int64N(p.To-p.From)
	to := from + rng.Int64N(p.To-from+1)
	if e.Sector <= superblock && superblock < e.Sector+e.Sectors {
		if from%2 == 0 {
			return Piece{p.Entry, p.From, p.To}
		}
		return Piece{p.Entry, p.From, p.From}
	}
	return Piece{p.Entry, from, to}
}

const superblock = 2 // its first sector

// Replayer builds the images that cuts leave of a disk.
type Replayer struct {
	log  *Log
	base []byte
	at   int // entries applied to base
}

// NewReplayer starts with a disk of zeroes.
func NewReplayer(log *Log, size int) *Replayer { return &Replayer{log: log, base: make([]byte, size)} }

// Image writes the disk's content after a cut to image. Cuts must come in the order of their prefixes.
func (r *Replayer) Image(left Left, image []byte) error {
	if left.Prefix < r.at {
		return fmt.Errorf("a cut after %d entries comes behind one after %d", left.Prefix, r.at)
	}
	for ; r.at < left.Prefix; r.at++ {
		if e := r.log.Entries[r.at]; e.Writes() {
			if err := r.log.Apply(r.base, e, 0, e.Sectors); err != nil {
				return err
			}
		}
	}
	copy(image, r.base)
	for _, p := range left.Pieces {
		if e := r.log.Entries[p.Entry]; e.Writes() {
			if err := r.log.Apply(image, e, p.From, p.To); err != nil {
				return err
			}
		}
	}
	return nil
}
