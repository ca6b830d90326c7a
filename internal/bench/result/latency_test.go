package result

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	hdr "github.com/HdrHistogram/hdrhistogram-go"

	"github.com/ringtgt/ringtgt/internal/hist"
)

func samples(seed uint64, n int, top time.Duration) *hist.Histogram {
	rng := rand.New(rand.NewPCG(seed, 5))
	h := new(hist.Histogram)
	for range n {
		h.AddN(rng.Int64N(int64(top)>>rng.IntN(40)+1), 1+rng.Uint64N(1e6))
	}
	return h
}

// Other readers of the encoding find every count in its step, and the JSON has the quantiles and extremes.
func TestLatencyHasAllCounts(t *testing.T) {
	for seed := range uint64(50) {
		h := samples(seed, 1+int(seed)*20, time.Hour)
		l, err := Latency{h}.encode()
		if err != nil {
			t.Fatal(err)
		}
		other, err := hdr.DecodePacked([]byte(l.HDR))
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		h.Steps(func(low, high int64, n uint64) {
			if got := other.CountAtValue(min(high, int64(longest))); got != int64(n) {
				t.Errorf("seed %d: %d latencies of %d to %d ns, want %d", seed, got, low, high, n)
			}
		})
		if uint64(other.TotalCount()) != h.Count() || l.Count != h.Count() || l.Min != h.Min() || l.Max != h.Max() || l.Mean != h.Mean() || l.P999 != h.Quantile(0.999) {
			t.Errorf("seed %d: %d counts, %+v of %d", seed, other.TotalCount(), l, h.Count())
		}
	}
	for want, h := range map[string]*hist.Histogram{"": nil, `"latency":{"count":0,`: {}} {
		b, err := json.Marshal(Stats{Latency: Latency{h}})
		if err != nil || strings.Contains(string(b), `"latency"`) != (h != nil) || !strings.Contains(string(b), want) || strings.Contains(string(b), "hdr") {
			t.Errorf("%s, %v", b, err)
		}
	}
}

// Another reader of the encoding finds the quantiles that the JSON says.
func TestLatencyIsReadByOthers(t *testing.T) {
	h := samples(1, 10000, time.Second)
	l, err := Latency{h}.encode()
	if err != nil {
		t.Fatal(err)
	}
	other, err := hdr.Decode([]byte(l.HDR))
	if err != nil {
		t.Fatal(err)
	}
	if uint64(other.TotalCount()) != h.Count() {
		t.Errorf("it counts %d, want %d", other.TotalCount(), h.Count())
	}
	for _, q := range Quantiles() {
		got, want := other.ValueAtPercentile(100*q.Share), int64(h.Quantile(q.Share))
		if d := max(got-want, want-got); d > want/64 {
			t.Errorf("%s is %d there and %d here: more than a step apart", q.Name, got, want)
		}
	}
}

// A latency longer than the encoding can hold is kept as the longest that it can.
func TestLatencyClamps(t *testing.T) {
	h := new(hist.Histogram)
	h.Add(1000)
	h.Add(int64(5 * time.Hour))
	l, err := Latency{h}.encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := hdr.DecodePacked([]byte(l.HDR))
	if err != nil {
		t.Fatal(err)
	}
	if top := time.Duration(got.Max()); got.TotalCount() != 2 || (top-longest).Abs() > longest/64 {
		t.Errorf("count %d, max %v", got.TotalCount(), top)
	}
}
