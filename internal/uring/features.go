package uring

import (
	"strings"

	"github.com/ringtgt/ringtgt/engine/giouring"
)

// Features is a set of optional kernel features that a ring uses.
type Features uint32

const (
	DeferTaskrun   Features = 1 << iota // completions are made inside enter only (6.1)
	CoopTaskrun                         // the weaker form (5.19), when DeferTaskrun is not there
	NoSQArray                           // no index array (6.6)
	RegisteredRing                      // enter uses a registered index (5.18)
	BufRingInc                          // buffers are used up piece by piece (6.12)
	Discard                             // block device discard on the ring (6.12)
	NoIowait                            // a wait need not count as waiting for a disk (6.15)
)

var featureNames = [...]string{
	"defer_taskrun", "coop_taskrun", "no_sqarray", "registered_ring", "bufring_inc", "discard", "no_iowait",
}

// Has reports whether all of x are in f.
func (f Features) Has(x Features) bool { return f&x == x }

// String names the set's members, separated by spaces.
func (f Features) String() string {
	var names []string
	for i, name := range featureNames {
		if f&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, " ")
}

// kernelFeatures translates what the kernel reported at set-up. Incremental buffers and discard have no bit of their
// own; they came with 6.12, whose mark is IORING_FEAT_MIN_TIMEOUT.
func kernelFeatures(g *giouring.Ring) Features {
	var f Features
	for _, t := range []struct {
		bit uint32
		f   Features
	}{
		{giouring.FeatMinTimeout, BufRingInc | Discard},
		{giouring.FeatNoIowait, NoIowait},
	} {
		if g.Features()&t.bit != 0 {
			f |= t.f
		}
	}
	return f
}
