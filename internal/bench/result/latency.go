package result

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	hdr "github.com/HdrHistogram/hdrhistogram-go"

	"github.com/ringtgt/ringtgt/internal/hist"
)

// digits is the HDR encoding's precision: it has 128 steps for every power of two, each half of one of ours, so that
// counts return to the step that they came from.
const digits = 2

// Quantile is a quantile that results show.
type Quantile struct {
	Name  string // "p99.9"
	Share float64
}

// Quantiles returns those that results show, lowest first.
func Quantiles() []Quantile {
	return []Quantile{{"p50", 0.5}, {"p90", 0.9}, {"p95", 0.95}, {"p99", 0.99}, {"p99.9", 0.999}, {"p99.99", 0.9999}}
}

// Latency is a histogram of latencies; the zero value has none.
type Latency struct{ *hist.Histogram }

// Count returns the number of latencies. Without any, no other method may be called.
func (h Latency) Count() uint64 {
	if h.Histogram == nil {
		return 0
	}
	return h.Histogram.Count()
}

// latency is a Latency in JSON: the usual figures in ns, and all counts in the V2 compressed log encoding of HdrHistogram
// (base64), which other tools read.
type latency struct {
	Count uint64        `json:"count"`
	Mean  time.Duration `json:"mean_ns"`
	Min   time.Duration `json:"min_ns"`
	Max   time.Duration `json:"max_ns"`
	P50   time.Duration `json:"p50_ns"`
	P90   time.Duration `json:"p90_ns"`
	P95   time.Duration `json:"p95_ns"`
	P99   time.Duration `json:"p99_ns"`
	P999  time.Duration `json:"p99.9_ns"`
	P9999 time.Duration `json:"p99.99_ns"`
	HDR   string        `json:"hdr,omitempty"` // absent: nothing was counted
}

// MarshalJSON implements json.Marshaler.
func (h Latency) MarshalJSON() ([]byte, error) {
	l, err := h.encode()
	if err != nil {
		return nil, err
	}
	return json.Marshal(l)
}

func (h Latency) encode() (*latency, error) {
	if h.Histogram == nil {
		return nil, nil
	}
	l := &latency{
		Count: h.Count(), Mean: h.Mean(), Min: h.Min(), Max: h.Max(),
		P50: h.Quantile(0.5), P90: h.Quantile(0.9), P95: h.Quantile(0.95),
		P99: h.Quantile(0.99), P999: h.Quantile(0.999), P9999: h.Quantile(0.9999),
	}
	if l.Count == 0 {
		return l, nil
	}
	p := hdr.NewPacked(1, int64(longest), digits)
	var err error
	h.Steps(func(_, high int64, n uint64) {
		// The end of the step: other tools then compute the same quantiles.
		err = errors.Join(err, p.RecordValues(min(high, int64(longest)), int64(n)))
	})
	if err != nil {
		return nil, fmt.Errorf("histogram: %w", err)
	}
	b, err := p.Encode()
	l.HDR = string(b)
	return l, err
}
