package power

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Op is what an event says.
type Op string

const (
	// OpBegin: the file systems are made and on the medium; the daemon was never started. Cuts begin here.
	OpBegin Op = "begin"
	// OpWrite: a command that changes blocks is about to be sent.
	OpWrite Op = "write"
	// OpSync: a command is about to be sent whose good status says that what was acknowledged before, of the blocks that it
	// names or of the whole unit, is on the medium: SYNCHRONIZE CACHE (SBC-3 5.23), START STOP UNIT with START zero (5.22), MODE
	// SELECT that turns WCE off (6.4.5), READ with FUA (5.8).
	OpSync Op = "sync"
	// OpReserve: a PERSISTENT RESERVE OUT is about to be sent, and Reservations is the unit's state if it succeeds.
	OpReserve Op = "reserve"
	// OpMode: a MODE SELECT that saves WCE is about to be sent.
	OpMode Op = "mode"
	// OpAck: command Cmd ended with good status. Durable says that this promises its blocks.
	OpAck Op = "ack"
	// OpIdentity: an initiator has seen the unit's NAA designator.
	OpIdentity Op = "identity"
	// OpTick: nothing happened, for a while: the logs are held together at marks alone.
	OpTick Op = "tick"
	// OpEnd: the workload is over. Cuts end here.
	OpEnd Op = "end"
)

// Event is a mark in the logs. Every event stands in the log of every disk, in one order: it says what had happened on all
// of them when it was written.
type Event struct {
	N            int    `json:"n"` // counts from 1
	Op           Op     `json:"op"`
	Cmd          int    `json:"c,omitempty"` // of a command: counts from 1; its blocks carry it
	LUN          int    `json:"l,omitempty"`
	Kind         string `json:"k,omitempty"` // the command's name, for people
	LBA          int    `json:"a,omitempty"`
	Blocks       int    `json:"b,omitempty"`
	Fill         Fill   `json:"f,omitempty"`
	From         int    `json:"fl,omitempty"` // FillCopy: the LUN and LBA that are copied
	FromLBA      int    `json:"fa,omitempty"`
	Durable      bool   `json:"d,omitempty"`
	Reservations string `json:"r,omitempty"`
	WCE          bool   `json:"w,omitempty"`
	NAA          string `json:"i,omitempty"`
}

// Fill is what a command leaves in its blocks.
type Fill string

const (
	FillStamps Fill = ""     // block i holds Stamp(Cmd, i)
	FillSame   Fill = "same" // each block holds Stamp(Cmd, 0)
	FillZero   Fill = "zero"
	FillCopy   Fill = "copy" // what the source held
)

// maxMark is how many bytes a mark may have: dm-log-writes keeps it in the sector of its log entry, behind 32 bytes, and ends it
// with a zero.
const maxMark = logSector - entryHeader - 1

// Mark is the event as the message "mark" of dm-log-writes takes it: without white space or backslashes, at which
// device-mapper would cut it.
func (e Event) Mark() (string, error) {
	e.Kind = strings.ReplaceAll(e.Kind, " ", "-")
	text, err := json.Marshal(e)
	switch {
	case err != nil:
		return "", err
	case len(text) > maxMark:
		return "", fmt.Errorf("the event has %d bytes and a mark %d: %s", len(text), maxMark, text)
	case strings.ContainsAny(string(text), " \t\n\\"):
		return "", fmt.Errorf("the event has a character that no message can carry: %s", text)
	}
	return string(text), nil
}

// Reservations describes the persistent reservations of a unit in one way, whoever tells of them: the registered keys, the type
// of the reservation, and its holder's key. For the All Registrants types there is no holder.
func Reservations(keys []uint64, typ uint8, holder uint64) string {
	text := make([]string, len(keys))
	for i, key := range slices.Sorted(slices.Values(keys)) {
		text[i] = strconv.FormatUint(key, 16)
	}
	return fmt.Sprintf("keys=%s,type=%d,holder=%x", strings.Join(text, "+"), typ, holder)
}
