package conform

import (
	"time"

	"github.com/ringtgt/ringtgt/internal/rawclient"
)

// Kind says what an Event is.
type Kind uint8

// Kinds of events.
const (
	Connected    Kind = iota
	Sent              // a PDU of ours
	SentRaw           // bytes of ours that are not meant to be a PDU
	Received          // a PDU of the target's
	ReceivedPart      // the beginning of a PDU of the target's, whose rest did not come
	ClosedByUs
	ClosedByTarget
)

// Event is a step of the exchange. A trace has the events of all connections of a case in their order.
type Event struct {
	Kind    Kind
	Conn    int // counts the connections of the case from 1
	At      time.Time
	Wire    []byte // as on the wire, digests included; cut off where Length is greater
	Length  int
	Digests rawclient.Digests // how Wire is read
	Local   string            // address and port, of Connected
	Remote  string
}

// trace collects events, within a bound.
type trace struct {
	events []Event
	bytes  int
}

func (tr *trace) add(e Event) {
	e.Length = len(e.Wire)
	keep := max(0, min(len(e.Wire), maxTrace-tr.bytes))
	if keep == 0 && len(e.Wire) > 0 && len(tr.events) > maxPDUs {
		return
	}
	e.Wire = append([]byte(nil), e.Wire[:keep]...)
	tr.bytes += keep
	tr.events = append(tr.events, e)
}
