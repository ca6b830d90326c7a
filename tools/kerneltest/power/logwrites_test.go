package power

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
)

// entry describes an entry of a hand-made log, which begins at sector.
type entry struct {
	flags  Flags
	sector int
	data   string // a letter for each sector; for a discard, the number of sectors
	mark   *Event
}

func put(sector int, data string) entry  { return entry{sector: sector, data: data} }
func fua(sector int, data string) entry  { return entry{flags: FlagFUA, sector: sector, data: data} }
func flush() entry                       { return entry{flags: FlagFlush} }
func discard(sector int, n string) entry { return entry{flags: FlagDiscard, sector: sector, data: n} }
func mark(n int, op Op) entry            { return entry{flags: FlagMark, mark: &Event{N: n, Op: op}} }
func barrier(sector int, data string) entry {
	return entry{flags: FlagFlush | FlagFUA, sector: sector, data: data}
}

// makeLog encodes a log as dm-log-writes does.
func makeLog(t *testing.T, entries ...entry) []byte {
	t.Helper()
	log := make([]byte, logSector)
	le := binary.LittleEndian
	le.PutUint64(log[0:], logMagic)
	le.PutUint64(log[8:], logVersion)
	le.PutUint64(log[16:], uint64(len(entries)))
	le.PutUint32(log[24:], logSector)
	for _, e := range entries {
		header := make([]byte, logSector)
		le.PutUint64(header[0:], uint64(e.sector))
		le.PutUint64(header[8:], uint64(len(e.data)))
		le.PutUint64(header[16:], uint64(e.flags))
		if e.mark != nil {
			text := must.Get(e.mark.Mark())(t)
			le.PutUint64(header[24:], uint64(copy(header[entryHeader:], text)))
		}
		log = append(log, header...)
		if e.flags&(FlagDiscard|FlagMark) == 0 {
			for _, c := range e.data {
				log = append(log, bytes.Repeat([]byte{byte(c)}, logSector)...)
			}
		}
	}
	return log
}

// readLog reads a hand-made log of a disk of ten sectors.
func readLog(t *testing.T, entries ...entry) *Log {
	t.Helper()
	log := must.Get(ReadLog(bytes.NewReader(makeLog(t, entries...)), 10*logSector))(t)
	return log
}

// letters returns the first byte of each sector of an image; '.' is zero.
func letters(image []byte) string {
	var text strings.Builder
	for at := 0; at < len(image); at += logSector {
		if image[at] == 0 {
			text.WriteByte('.')
		} else {
			text.WriteByte(image[at])
		}
	}
	return text.String()
}

func TestReplayAppliesEntriesInOrder(t *testing.T) {
	log := readLog(t, put(1, "ab"), mark(1, OpBegin), fua(2, "c"), discard(1, "."), flush(), barrier(7, "xyz"))
	want := []string{"..........", ".ab.......", ".ab.......", ".ac.......", "..c.......", "..c.......", "..c....xyz"}
	r, image := NewReplayer(log, 10*logSector), make([]byte, 10*logSector)
	for prefix, letter := range want {
		must.OK(t, r.Image(Left{Prefix: prefix}, image))
		check.Equal(t, letters(image), letter, "after %d entries:", prefix)
	}
	check.That(t, r.Image(Left{Prefix: 1}, image) != nil, "an image from before the last one was made")
}

// A piece does not appear in later images.
func TestPiecesAreOfOneCut(t *testing.T) {
	log := readLog(t, put(0, "abcd"), put(4, "efgh"), flush())
	r, image := NewReplayer(log, 10*logSector), make([]byte, 10*logSector)
	for _, c := range []struct {
		left Left
		want string
	}{
		{Left{0, []Piece{{0, 1, 3}, {1, 3, 4}}}, ".bc....h.."},
		{Left{0, nil}, ".........."},
		{Left{1, []Piece{{1, 0, 4}}}, "abcdefgh.."},
		{Left{1, nil}, "abcd......"},
	} {
		must.OK(t, r.Image(c.left, image))
		check.Equal(t, letters(image), c.want, "%+v leaves", c.left)
	}
}

func TestLogsThatAreNone(t *testing.T) {
	good := makeLog(t, put(1, "ab"), mark(1, OpBegin))
	change := func(at int, value uint64) []byte {
		log := bytes.Clone(good)
		binary.LittleEndian.PutUint64(log[at:], value)
		return log
	}
	for name, log := range map[string][]byte{
		"empty":                   {},
		"another magic":           change(0, 1),
		"another version":         change(8, 2),
		"more entries than stand": change(16, 3),
		"entries without end":     change(16, 1<<62),
		"sectors of 4096":         change(24, 4096),
		"beyond the disk":         change(logSector, 9),
		"far beyond the disk":     change(logSector, 1<<63),
		"a write without end":     change(logSector+8, 1<<63),
		"a mark without end":      change(4*logSector+24, 1<<40),
		"a mark with sectors":     change(4*logSector+8, 1),
	} {
		if _, err := ReadLog(bytes.NewReader(log), 10*logSector); err == nil {
			t.Errorf("%s: it was read", name)
		}
	}
	for at := range len(good) / logSector {
		if log, err := ReadLog(bytes.NewReader(good[:at*logSector]), 10*logSector); err == nil && len(log.Entries) == 2 && at < 4 {
			t.Errorf("the first %d sectors were read as a whole", at)
		}
	}
}

func TestEventsMustBeCounted(t *testing.T) {
	if _, _, err := readLog(t, mark(1, OpBegin), mark(3, OpEnd)).Events(); err == nil {
		t.Error("event 2 was not missed")
	}
	log := readLog(t, mark(1, OpBegin), put(0, "a"), mark(2, OpEnd))
	log.Entries = append(log.Entries, Entry{Flags: FlagMark, Mark: endMark})
	events, at, err := log.Events()
	check.That(t, err == nil && len(events) == 2 && at[1] == 2, "%v at %v, %v", events, at, err)
}

// Device-mapper splits a message at white space; the kernel cuts off a mark at the end of its sector.
func TestMarksFitTheirMessage(t *testing.T) {
	text, err := Event{N: 1, Op: OpWrite, Kind: "WRITE AND VERIFY"}.Mark()
	check.That(t, err == nil && !strings.ContainsAny(text, " \\"), "%q, %v", text, err)
	for _, e := range []Event{{NAA: "a b"}, {NAA: `a\b`}, {NAA: strings.Repeat("a", maxMark)}} {
		if text, err := e.Mark(); err == nil {
			t.Errorf("%+v made the mark %q", e, text)
		}
	}
}
