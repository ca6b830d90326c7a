package result

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"time"
)

// Document is what a benchmark ends with: exactly one of the three.
type Document struct {
	Run        *Run
	Comparison *Comparison
	Sweep      *Sweep
}

// MarshalJSON writes the one that it is, with nothing around it.
func (d Document) MarshalJSON() ([]byte, error) {
	switch {
	case d.Run != nil && d.Comparison == nil && d.Sweep == nil:
		return json.Marshal(d.Run)
	case d.Run == nil && d.Comparison != nil && d.Sweep == nil:
		return json.Marshal(d.Comparison)
	case d.Run == nil && d.Comparison == nil && d.Sweep != nil:
		return json.Marshal(d.Sweep)
	}
	return nil, errors.New("a result is one run, or one comparison, or one sweep")
}

// UnmarshalJSON tells the three apart by what only they have, and refuses a version that it does not know.
func (d *Document) UnmarshalJSON(b []byte) error {
	var probe struct {
		Version int             `json:"version"`
		Started json.RawMessage `json:"started"`
		Sides   json.RawMessage `json:"sides"`
		Points  json.RawMessage `json:"points"`
	}
	if err := json.Unmarshal(b, &probe); err != nil {
		return err
	}
	*d = Document{}
	var to any
	switch {
	case probe.Sides != nil:
		d.Comparison = new(Comparison)
		to = d.Comparison
	case probe.Points != nil:
		d.Sweep = new(Sweep)
		to = d.Sweep
	case probe.Started != nil:
		d.Run = new(Run)
		to = d.Run
	default:
		return errors.New("neither a run nor a comparison nor a sweep")
	}
	if probe.Version != Version {
		return fmt.Errorf("version %d of the format: this program reads version %d", probe.Version, Version)
	}
	if err := json.Unmarshal(b, to); err != nil {
		return err
	}
	return d.check()
}

// check refuses what code that shows a document could not index.
func (d *Document) check() error {
	if c := d.Comparison; c != nil && len(c.Ratios) != max(len(c.Sides)-1, 0) {
		return fmt.Errorf("%d sides and %d ratios", len(c.Sides), len(c.Ratios))
	}
	if s := d.Sweep; s != nil && (s.Knee < -1 || s.Knee >= len(s.Points)) {
		return fmt.Errorf("knee %d of %d points", s.Knee, len(s.Points))
	}
	return nil
}

// Encode writes d as JSON, indented.
func Encode(w io.Writer, d Document) error {
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	return e.Encode(d)
}

// Decode reads what Encode wrote, MaxJSON bytes at most.
func Decode(r io.Reader) (Document, error) {
	var d Document
	b, err := io.ReadAll(io.LimitReader(r, MaxJSON+1))
	if err != nil {
		return d, err
	}
	if len(b) > MaxJSON {
		return d, fmt.Errorf("result: longer than %d bytes", MaxJSON)
	}
	if n := bytes.Count(b, []byte("{")); n > maxObjects {
		return d, fmt.Errorf("result: %d objects: at most %d are read", n, maxObjects)
	}
	if err := json.Unmarshal(b, &d); err != nil {
		return Document{}, fmt.Errorf("result: %w", err)
	}
	return d, nil
}

// The types below write a histogram, which is opaque, as a latency beside their other fields. Each that embeds Stats needs
// methods of its own: it would else be written as the Stats alone.

type (
	plainStats struct {
		stats
		Latency *latency `json:"latency,omitempty"`
	}
	stats    Stats // without its methods
	interval Interval
)

func (s Stats) plain() (p plainStats, err error) {
	p.stats = stats(s)
	p.IOPS, p.Rate = finite(s.IOPS), finite(s.Rate)
	p.Latency, err = encodeLatency(s.Latency)
	return p, err
}

// finite is v, or 0 where a division by nothing has made it a number that JSON cannot hold: a result is not lost over one figure.
func finite(v float64) float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0
	}
	return v
}

func (p plainStats) full() (s Stats, err error) {
	s = Stats(p.stats)
	s.Latency, err = p.Latency.decode()
	return s, err
}

// MarshalJSON implements json.Marshaler.
func (s Stats) MarshalJSON() ([]byte, error) {
	p, err := s.plain()
	if err != nil {
		return nil, err
	}
	return json.Marshal(p)
}

// UnmarshalJSON implements json.Unmarshaler.
func (s *Stats) UnmarshalJSON(b []byte) error {
	var p plainStats
	if err := json.Unmarshal(b, &p); err != nil {
		return err
	}
	var err error
	*s, err = p.full()
	return err
}

type session struct {
	Index int `json:"session"`
	plainStats
}

// MarshalJSON implements json.Marshaler.
func (s Session) MarshalJSON() ([]byte, error) {
	p, err := s.Stats.plain()
	if err != nil {
		return nil, err
	}
	return json.Marshal(session{s.Index, p})
}

// UnmarshalJSON implements json.Unmarshaler.
func (s *Session) UnmarshalJSON(b []byte) error {
	var v session
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	st, err := v.full()
	*s = Session{Index: v.Index, Stats: st}
	return err
}

type conn struct {
	Session      int    `json:"session"`
	CID          uint16 `json:"cid"`
	CPU          int    `json:"cpu"`
	WindowClosed uint64 `json:"window_closed"`
	plainStats
}

// MarshalJSON implements json.Marshaler.
func (c Conn) MarshalJSON() ([]byte, error) {
	p, err := c.Stats.plain()
	if err != nil {
		return nil, err
	}
	return json.Marshal(conn{c.Session, c.CID, c.CPU, c.WindowClosed, p})
}

// UnmarshalJSON implements json.Unmarshaler.
func (c *Conn) UnmarshalJSON(b []byte) error {
	var v conn
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	st, err := v.full()
	*c = Conn{Session: v.Session, CID: v.CID, CPU: v.CPU, WindowClosed: v.WindowClosed, Stats: st}
	return err
}

type cpu struct {
	CPU         int           `json:"cpu"`
	User        time.Duration `json:"user_ns"`
	System      time.Duration `json:"system_ns"`
	PDUsPerSend float64       `json:"pdus_per_send"`
	Enters      uint64        `json:"enters"`
	plainStats
}

// MarshalJSON implements json.Marshaler.
func (c CPU) MarshalJSON() ([]byte, error) {
	p, err := c.Stats.plain()
	if err != nil {
		return nil, err
	}
	return json.Marshal(cpu{c.CPU, c.User, c.System, finite(c.PDUsPerSend), c.Enters, p})
}

// UnmarshalJSON implements json.Unmarshaler.
func (c *CPU) UnmarshalJSON(b []byte) error {
	var v cpu
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	st, err := v.full()
	*c = CPU{CPU: v.CPU, User: v.User, System: v.System, PDUsPerSend: v.PDUsPerSend, Enters: v.Enters, Stats: st}
	return err
}

type plainInterval struct {
	interval
	Latency *latency `json:"latency,omitempty"`
}

// MarshalJSON implements json.Marshaler.
func (i Interval) MarshalJSON() ([]byte, error) {
	l, err := encodeLatency(i.Latency)
	if err != nil {
		return nil, err
	}
	return json.Marshal(plainInterval{interval(i), l})
}

// UnmarshalJSON implements json.Unmarshaler.
func (i *Interval) UnmarshalJSON(b []byte) error {
	var p plainInterval
	if err := json.Unmarshal(b, &p); err != nil {
		return err
	}
	h, err := p.Latency.decode()
	*i = Interval(p.interval)
	i.Latency = h
	return err
}
