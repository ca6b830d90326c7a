package power

import (
	"slices"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
)

// images returns the images that the cuts of one log leave, by event.
func images(t *testing.T, extra int, entries ...entry) map[int][]string {
	t.Helper()
	log := readLog(t, entries...)
	cuts, _, err := Cuts([]*Log{log}, 1, extra)
	must.OK(t, err)
	left := map[int][]string{}
	image := make([]byte, 10*logSector)
	for _, c := range cuts {
		must.OK(t, NewReplayer(log, 10*logSector).Image(c.Disks[0], image), "%s", c.Name)
		left[c.Event] = append(left[c.Event], letters(image))
	}
	return left
}

// A cached write may be lost until a flush is over, and may be on the medium before that. A FUA write is on the medium when it
// completes. Nothing written after the mark is there.
func TestCutsAreWhatAPowerCutLeaves(t *testing.T) {
	left := images(t, 0,
		put(0, "b"), flush(), mark(1, OpBegin),
		fua(1, "c"), mark(2, OpTick),
		put(2, "de"), flush(), mark(3, OpTick),
		mark(4, OpEnd))
	for event, want := range map[int][]string{
		1: {"b........."},
		2: {"bc........", "bcde......"},
		3: {"bcde......"},
		4: {"bcde......"},
	} {
		for _, w := range want {
			check.That(t, slices.Contains(left[event], w), "no cut after event %d leaves %s: %v", event, w, left[event])
		}
		for _, got := range left[event] {
			check.That(t, slices.Contains(want, got), "a cut after event %d leaves %s", event, got)
		}
	}
}

// Before a flush any selection of its writes may be on the medium; earlier flushed writes always are. A FUA write may be torn
// only before it completes.
func TestCutsLosePartsOfWhatIsCached(t *testing.T) {
	left := images(t, 200,
		mark(1, OpBegin), fua(0, "ab"), put(4, "cd"), put(6, "ef"), flush(), barrier(8, "gh"), mark(2, OpEnd))
	seen := map[string]bool{}
	for _, image := range left[1] {
		seen[image] = true
		check.That(t, image[4:8] == "...." || image[:2] == "ab", "%s: the FUA write was over before the flush", image)
		check.That(t, image[8:] == ".." || image[:8] == "ab..cdef", "%s: the last write came after the flush", image)
	}
	for _, want := range []string{"..........", "ab........", "ab..cd....", "ab....ef..", "ab..cdef..", "ab...d....", "ab..c.....", "ab..cde..."} {
		check.That(t, seen[want], "no cut leaves %s", want)
	}
	check.That(t, left[2][0] == "ab..cdefgh" && len(left[2]) == 1, "after the end: %v", left[2])
}

// ext4's superblock has one checksum over sectors 2 and 3.
func TestCutsSpareTheSuperblock(t *testing.T) {
	for _, image := range images(t, 200, mark(1, OpBegin), put(0, "abcdef"), flush(), mark(2, OpEnd))[1] {
		check.That(t, image[2:4] == ".." || image[2:4] == "cd", "a cut leaves %s", image)
	}
}

func TestCutsNeedOneStoryInAllLogs(t *testing.T) {
	a := readLog(t, mark(1, OpBegin), mark(2, OpEnd))
	for name, b := range map[string]*Log{
		"another event": readLog(t, mark(1, OpBegin), mark(2, OpTick), mark(3, OpEnd)),
		"no end":        readLog(t, mark(1, OpBegin)),
	} {
		if _, _, err := Cuts([]*Log{a, b}, 1, 1); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, _, err := Cuts([]*Log{readLog(t, mark(1, OpTick), mark(2, OpEnd))}, 1, 1); err == nil {
		t.Error("without a beginning: no error")
	}
}

// The same seed gives the same cuts, so a failure can be reproduced.
func TestCutsComeFromTheSeed(t *testing.T) {
	log := readLog(t, mark(1, OpBegin), put(0, "abcd"), put(4, "efgh"), flush(), mark(2, OpEnd))
	names := func(seed uint64) (all [][]Piece) {
		cuts, _, err := Cuts([]*Log{log}, seed, 20)
		must.OK(t, err)
		for _, c := range cuts {
			all = append(all, c.Disks[0].Pieces)
		}
		return all
	}
	same := func(a, b [][]Piece) bool { return slices.EqualFunc(a, b, slices.Equal[[]Piece]) }
	check.That(t, same(names(1), names(1)) && !same(names(1), names(2)), "the seed does not decide which parts are left")
}
