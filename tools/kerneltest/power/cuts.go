package power

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// Piece is what a cut leaves of one write that was not on the medium for certain: sectors [From, To) of the entry.
type Piece struct {
	Entry    int
	From, To int64
}

// Left is what a cut leaves of one disk: the first Prefix entries of its log, and Pieces of later ones.
type Left struct {
	Prefix int
	Pieces []Piece
}

// Changed says whether two cuts leave different disks.
func (l *Log) Changed(a, b Left) bool {
	from, to := min(a.Prefix, b.Prefix), max(a.Prefix, b.Prefix)
	return len(a.Pieces) > 0 || len(b.Pieces) > 0 || slices.ContainsFunc(l.Entries[from:to], Entry.Writes)
}

// Cut is a moment at which the power goes.
type Cut struct {
	// Event is the number of the last event that was over: what it and those before it promised holds.
	Event int
	// Disks is what is left of each disk, in the order of Disks.
	Disks []Left
	// Name says which cut it is, for a failure.
	Name string
}

// Cuts lists the cuts that the logs allow, in the order of time: at each event, with nothing that was not on the medium for
// certain; and within events, before each flush and each FUA write of a disk, with nothing of what the flush has still to
// bring to the medium, with all of it, and with parts of it (extra times) that seed chooses. A write that is under way may
// leave any of its sectors.
//
// What else could be lost is known before a flush alone: a log does not tell when the writes that a flush brought to the
// medium began, but they began before it.
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
	group := from // where the writes begin that the next flush brings to the medium
	for i := from; i < to; i++ {
		e := log.Entries[i]
		if e.Flags&(FlagFlush|FlagFUA) == 0 {
			continue
		}
		var under []Piece // the whole of what is under way: the group, and the entry itself
		for j := group; j < i; j++ {
			under = append(under, Piece{j, 0, log.Entries[j].Sectors})
		}
		// A flush with data writes them once the flush is over, so a part of them comes with the whole group.
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

// some leaves each write out, in, or in part, in any order.
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

// torn is a part of a write: drives write sectors in any order, and a stretch of them stands for that. The superblock of
// ext4 lies in sectors 2 and 3 under one checksum, and no mount forgives half of it: such a write is whole or not there, as on
// drives whose sectors are 4096 bytes.
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

// Replayer makes the images of a disk that cuts leave.
type Replayer struct {
	log  *Log
	base []byte
	at   int // entries that base has
}

// NewReplayer begins with a disk of zeroes.
func NewReplayer(log *Log, size int) *Replayer { return &Replayer{log: log, base: make([]byte, size)} }

// Image writes to image what the disk holds after a cut. Cuts come in the order of their prefixes.
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
