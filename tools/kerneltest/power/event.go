package power

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Op is the kind of an event.
type Op string

const (
	// OpBegin: the file systems exist and are on the medium; the daemon was never started. Cuts begin here.
	OpBegin Op = "begin"
	// OpWrite: a command that changes blocks is about to be sent.
	OpWrite Op = "write"
	// OpSync: a command is about to be sent whose GOOD status promises that all acknowledged writes, to the blocks that it names
	// or to the whole unit, are on the medium: SYNCHRONIZE CACHE (SBC-3 5.23), START STOP UNIT with START zero (5.22), MODE
	// SELECT that turns WCE off (6.4.5), READ with FUA (5.8).
	OpSync Op = "sync"
	// OpReserve: a PERSISTENT RESERVE OUT is about to be sent. Reservations is the unit's state if it succeeds.
	OpReserve Op = "reserve"
	// OpMode: a MODE SELECT that saves WCE is about to be sent.
	OpMode Op = "mode"
	// OpAck: command Cmd ended with GOOD. Durable: its blocks are promised to be on the medium.
	OpAck Op = "ack"
	// OpIdentity: an initiator has seen the unit's NAA designator.
	OpIdentity Op = "identity"
	// OpTick: nothing happened for a while. Only marks align the logs with each other.
	OpTick Op = "tick"
	// OpEnd: the workload is over. Cuts end here.
	OpEnd Op = "end"
)

// Event is a mark in the logs. Every event is in the log of every disk, in the same order, and so ties the logs together.
type Event struct {
	N            int    `json:"n"` // counts from 1
	Op           Op     `json:"op"`
	Cmd          int    `json:"c,omitempty"` // command number, from 1; its blocks carry it
	LUN          int    `json:"l,omitempty"`
	Kind         string `json:"k,omitempty"` // the command's name, for people
	LBA          int    `json:"a,omitempty"`
	Blocks       int    `json:"b,omitempty"`
	Fill         Fill   `json:"f,omitempty"`
	From         int    `json:"fl,omitempty"` // FillCopy: the source's LUN and LBA
	FromLBA      int    `json:"fa,omitempty"`
	Durable      bool   `json:"d,omitempty"`
	Reservations string `json:"r,omitempty"`
	WCE          bool   `json:"w,omitempty"`
	NAA          string `json:"i,omitempty"`
}

// Fill is the content that a command gives its blocks.
type Fill string

const (
	FillStamps Fill = ""     // block i holds Stamp(Cmd, i)
	FillSame   Fill = "same" // each block holds Stamp(Cmd, 0)
	FillZero   Fill = "zero"
	FillCopy   Fill = "copy" // the source's content
)

// maxMark is the longest mark in bytes: dm-log-writes keeps it in the sector of its log entry, after 32 bytes, and terminates it
// with a zero.
const maxMark = logSector - entryHeader - 1

// Mark encodes the event for the message "mark" of dm-log-writes, without white space or backslashes, at which device-mapper
// would split it.
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

// Reservations returns a canonical description of a unit's persistent reservations: the registered keys, the type of the
// reservation, and the holder's key. The All Registrants types have no holder.
func Reservations(keys []uint64, typ uint8, holder uint64) string {
	text := make([]string, len(keys))
	for i, key := range slices.Sorted(slices.Values(keys)) {
		text[i] = strconv.FormatUint(key, 16)
	}
	return fmt.Sprintf("keys=%s,type=%d,holder=%x", strings.Join(text, "+"), typ, holder)
}
