package output

import (
	"fmt"
	"time"

	"github.com/ringtgt/ringtgt/internal/conform"
	"github.com/ringtgt/ringtgt/internal/conform/decode"
)

// step is an event of an exchange, decoded.
type step struct {
	Conn      int            `json:"connection"`
	After     float64        `json:"seconds"` // since the first event
	What      string         `json:"what"`
	Summary   string         `json:"summary,omitempty"`
	Name      string         `json:"name,omitempty"`
	Fields    []decode.Field `json:"fields,omitempty"`
	Data      []string       `json:"data,omitempty"`
	Faults    []string       `json:"faults,omitempty"`
	Wire      string         `json:"wire,omitempty"` // hexadecimal
	Direction string         `json:"-"`              // an arrow
}

// what says what an event is.
var what = map[conform.Kind]string{
	conform.Connected: "connected", conform.Sent: "sent", conform.SentRaw: "sent as bytes", conform.Received: "received",
	conform.ReceivedPart: "received in part", conform.ClosedByUs: "closed by the initiator", conform.ClosedByTarget: "closed by the target",
}

// maxWire is how many bytes of a PDU are shown in hexadecimal.
const maxWire = 2048

func steps(trace []conform.Event) (all []step) {
	var first time.Time
	for i, e := range trace {
		if i == 0 {
			first = e.At
		}
		s := step{Conn: e.Conn, After: e.At.Sub(first).Seconds(), What: what[e.Kind], Direction: "·"}
		switch e.Kind {
		case conform.Connected:
			s.Summary = e.Local + " to " + e.Remote
		case conform.Sent, conform.SentRaw:
			s.Direction = "→"
		case conform.Received, conform.ReceivedPart:
			s.Direction = "←"
		}
		if len(e.Wire) > 0 {
			p := decode.Bytes(e.Wire, e.Digests)
			s.Name, s.Fields, s.Data, s.Faults = p.Name, p.Fields, p.Data, p.Faults
			s.Summary = decode.Summary(e.Wire, e.Digests)
			s.Wire = fmt.Sprintf("%x", e.Wire[:min(len(e.Wire), maxWire)])
		}
		if e.Length > len(e.Wire) {
			s.Faults = []string{fmt.Sprintf("%d of %d bytes are kept", len(e.Wire), e.Length)}
		}
		all = append(all, s)
	}
	return all
}
