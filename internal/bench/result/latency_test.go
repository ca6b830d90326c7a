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

// What is decoded is what was encoded, count for count.
func TestLatencyRoundTrip(t *testing.T) {
	for seed := range uint64(50) {
		h := samples(seed, 1+int(seed)*20, time.Hour)
		l, err := Latency{h}.encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := l.decode()
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		sameHistogram(t, got, h)
	}
	for _, h := range []*hist.Histogram{nil, {}} {
		b, err := json.Marshal(Stats{Latency: Latency{h}})
		if err != nil {
			t.Fatal(err)
		}
		var got Stats
		if err := json.Unmarshal(b, &got); err != nil || (got.Latency.Histogram == nil) != (h == nil) || h != nil && *got.Latency.Histogram != *h {
			t.Errorf("an empty histogram came back as %v, %v from %s", got.Latency, err, b)
		}
	}
}

// sameHistogram compares all that can be seen of two histograms.
func sameHistogram(t *testing.T, got, want *hist.Histogram) {
	t.Helper()
	type bar struct {
		low, high int64
		n         uint64
	}
	bars := func(h *hist.Histogram) (b []bar) {
		h.Steps(func(low, high int64, n uint64) { b = append(b, bar{low, high, n}) })
		return b
	}
	g, w := bars(got), bars(want)
	if len(g) != len(w) {
		t.Fatalf("%d steps, want %d", len(g), len(w))
	}
	for i := range w {
		if g[i] != w[i] {
			t.Fatalf("step %d is %v, want %v", i, g[i], w[i])
		}
	}
	if got.Count() != want.Count() || got.Min() != want.Min() || got.Max() != want.Max() || got.Mean() != want.Mean() {
		t.Fatalf("count, min, max, mean %d %d %d %d, want %d %d %d %d", got.Count(), got.Min(), got.Max(), got.Mean(),
			want.Count(), want.Min(), want.Max(), want.Mean())
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
	got, err := l.decode()
	if err != nil {
		t.Fatal(err)
	}
	if got.Count() != 2 || (got.Max()-longest).Abs() > longest/64 {
		t.Errorf("count %d, max %v", got.Count(), got.Max())
	}
}

// A histogram that this program did not write is refused.
func TestLatencyRefuses(t *testing.T) {
	l, err := Latency{samples(2, 100, time.Second)}.encode()
	if err != nil {
		t.Fatal(err)
	}
	wide, err := hdr.New(1, 1<<62, 5).Encode(hdr.V2CompressedEncodingCookieBase)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*latency){
		"no counts":              func(l *latency) { l.HDR = "" },
		"another count":          func(l *latency) { l.Count++ },
		"not base64":             func(l *latency) { l.HDR = "*" },
		"truncated":              func(l *latency) { l.HDR = l.HDR[:len(l.HDR)/8*4] },
		"another resolution":     func(l *latency) { l.HDR = string(wide) },
		"max out of the counts":  func(l *latency) { l.Max = 2 * time.Second },
		"min out of the counts":  func(l *latency) { l.Min = -1 },
		"base64 of another size": func(l *latency) { l.HDR = strings.Repeat("A", 4) },
	} {
		c := *l
		change(&c)
		if _, err := c.decode(); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
