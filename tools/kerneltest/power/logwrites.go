package power

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// The log of dm-log-writes (the kernel's Documentation/admin-guide/device-mapper/log-writes.rst and drivers/md/dm-log-writes.c):
// a sector with the super block, then for each entry a sector with its header (and, of a mark, its text) and the sectors
// that were written.
//
// The log is not in the order of the writes. A write is logged when a flush that began after its completion has completed:
// until then a power cut may lose it. A FUA write is logged when it completes, a mark when it is sent. So each prefix of the
// log is what was certainly on the medium at some moment, and marks tell which moment.
const (
	logMagic    = 0x6a736677736872
	logVersion  = 1
	logSector   = 512
	entryHeader = 32
)

// Flags of an entry.
type Flags uint64

const (
	FlagFlush    Flags = 1 << 0
	FlagFUA      Flags = 1 << 1
	FlagDiscard  Flags = 1 << 2
	FlagMark     Flags = 1 << 3
	FlagMetadata Flags = 1 << 4
)

// maxEntries bounds the number of entries of a log. A run makes about 3,000.
const maxEntries = 1 << 20

// Entry is one entry of a log.
type Entry struct {
	Sector, Sectors int64
	Flags           Flags
	Mark            string
	data            int64 // offset of its data in the log, in bytes
}

// Writes reports whether the entry changes the medium.
func (e Entry) Writes() bool { return e.Sectors > 0 && e.Flags&FlagMark == 0 }

// Log is the log of one disk.
type Log struct {
	Entries []Entry
	source  io.ReaderAt
}

// ReadLog reads all headers of a log for a disk of size bytes.
func ReadLog(source io.ReaderAt, size int64) (*Log, error) {
	var super [logSector]byte
	if _, err := source.ReadAt(super[:], 0); err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	count := le.Uint64(super[16:])
	switch {
	case le.Uint64(super[0:]) != logMagic:
		return nil, errors.New("not a log of dm-log-writes")
	case le.Uint64(super[8:]) != logVersion:
		return nil, fmt.Errorf("log of version %d, not %d", le.Uint64(super[8:]), logVersion)
	case le.Uint32(super[24:]) != logSector:
		return nil, fmt.Errorf("log with sectors of %d bytes, not %d", le.Uint32(super[24:]), logSector)
	case count > maxEntries:
		return nil, fmt.Errorf("log of %d entries", count)
	}
	log := &Log{source: source}
	at := int64(logSector)
	for i := range int(count) {
		var sector [logSector]byte
		if _, err := source.ReadAt(sector[:], at); err != nil {
			return nil, fmt.Errorf("entry %d of %d: %w", i, count, err)
		}
		at += logSector
		first, n, length := le.Uint64(sector[0:]), le.Uint64(sector[8:]), le.Uint64(sector[24:])
		e := Entry{Flags: Flags(le.Uint64(sector[16:])), data: at}
		if e.Flags&FlagMark != 0 {
			if n != 0 || length > logSector-entryHeader {
				return nil, fmt.Errorf("entry %d of %d is a mark of %d bytes and %d sectors", i, count, length, n)
			}
			text, _, _ := bytes.Cut(sector[entryHeader:entryHeader+length], []byte{0})
			e.Mark = string(text)
		} else {
			if sectors := uint64(size / logSector); first > sectors || n > sectors-first {
				return nil, fmt.Errorf("entry %d of %d is %d sectors at %d of a disk of %d", i, count, n, first, sectors)
			}
			e.Sector, e.Sectors = int64(first), int64(n)
			if e.Flags&FlagDiscard == 0 {
				at += e.Sectors * logSector
			}
		}
		log.Entries = append(log.Entries, e)
	}
	return log, nil
}

// Apply applies sectors [from, to) of the entry to an image of the disk. The content of discarded sectors is undefined; they
// become zeroes.
func (l *Log) Apply(image []byte, e Entry, from, to int64) error {
	into := image[(e.Sector+from)*logSector : (e.Sector+to)*logSector]
	if e.Flags&FlagDiscard != 0 {
		clear(into)
		return nil
	}
	_, err := l.source.ReadAt(into, e.data+from*logSector)
	return err
}

// Events decodes the marks. It returns the events and the index of each one's entry.
func (l *Log) Events() (events []Event, at []int, err error) {
	for i, e := range l.Entries {
		if e.Flags&FlagMark == 0 || e.Mark == endMark {
			continue
		}
		var event Event
		if err := json.Unmarshal([]byte(e.Mark), &event); err != nil {
			return nil, nil, fmt.Errorf("mark %q: %w", e.Mark, err)
		}
		if event.N != len(events)+1 {
			return nil, nil, fmt.Errorf("event %d follows event %d", event.N, len(events))
		}
		events, at = append(events, event), append(at, i)
	}
	return events, at, nil
}

// endMark is a mark that the kernel writes when the device is removed.
const endMark = "dm-log-writes-end"
