package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/bench/result"
	"github.com/ringtgt/ringtgt/internal/bench/result/resulttest"
	"github.com/ringtgt/ringtgt/internal/hist"
)

// Results with nothing, little or nonsense in them make pages all the same.
func TestOddResults(t *testing.T) {
	one := result.Latency{Histogram: new(hist.Histogram)}
	one.Add(0)
	empty := result.Run{Version: result.Version}
	tiny := result.Run{
		Version: result.Version, Elapsed: time.Second, Total: result.Stats{Requests: 1, Bytes: 512, IOPS: math.Inf(1), Rate: math.NaN(), Latency: one},
		Conns: []result.Conn{{CPU: 7}, {CPU: -1}, {}, {Stats: result.Stats{IOPS: math.NaN()}}}, CPUs: []result.CPU{{CPU: -1, PDUsPerSend: math.NaN()}},
		Series: []result.Interval{{}, {At: time.Second, Length: time.Second, Reads: 1, Bytes: 512, Behind: 3, Latency: one}, {At: 2 * time.Second, Length: time.Second, Writes: 1, Bytes: 4096}},
	}
	nan := map[string]result.Spread{result.FigureP50: {Median: math.NaN()}, result.FigureIOPS: {Median: math.Inf(1)}, result.FigureIdle: {}, result.FigureP99: {Median: 1, High: 2}}
	for name, p := range map[string]result.Document{
		"empty run":        {Run: &empty},
		"tiny run":         {Run: &tiny},
		"empty comparison": {Comparison: &result.Comparison{Version: result.Version}},
		"one side":         {Comparison: &result.Comparison{Version: result.Version, Sides: []result.Side{{Name: "a"}}}},
		"no rounds":        {Comparison: &result.Comparison{Version: result.Version, Sides: []result.Side{{}, {}}, Ratios: []map[string]result.Spread{nil}}},
		"no numbers":       {Comparison: &result.Comparison{Version: result.Version, Sides: []result.Side{{Runs: []result.Run{tiny}}, {Runs: []result.Run{empty}}}, Ratios: []map[string]result.Spread{nan}}},
		"empty sweep":      {Sweep: &result.Sweep{Version: result.Version, Knee: -1}},
		"no knee":          {Sweep: &result.Sweep{Version: result.Version, Parameter: "bs", Points: []result.Point{{Value: "4k", Run: tiny}, {Value: "8k", Run: empty}}, Knee: -1}},
		"empty knee":       {Sweep: &result.Sweep{Version: result.Version, Points: []result.Point{{Run: empty}, {Run: tiny}}, Knee: 0}},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := Write(&b, p); err != nil {
				t.Fatal(err)
			}
			shown, _, _ := strings.Cut(b.String(), dataStart)
			for _, svg := range svgs(shown) {
				if strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") {
					t.Errorf("a coordinate that is no number: %s", svg)
				}
			}
			embedded(t, b.Bytes())
		})
	}
}

func svgs(page string) []string {
	return regexp.MustCompile(`(?s)<svg class="chart".*?</svg>`).FindAllString(page, -1)
}

// Charts are well-formed, and every coordinate lies within the chart.
func TestChartsAreWellFormed(t *testing.T) {
	number := regexp.MustCompile(`-?\d+(\.\d+)?`)
	for name, p := range pages() {
		var b bytes.Buffer
		if err := Write(&b, p.page); err != nil {
			t.Fatal(err)
		}
		for _, svg := range svgs(b.String()) {
			d := xml.NewDecoder(strings.NewReader(svg))
			for {
				token, err := d.Token()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				e, ok := token.(xml.StartElement)
				if !ok {
					continue
				}
				for _, a := range e.Attr {
					switch a.Name.Local {
					case "d":
						for _, n := range number.FindAllString(a.Value, -1) {
							v := 0.0
							if _, err := fmt.Sscan(n, &v); err != nil || v < 0 || v > side {
								t.Errorf("%s: %s of %s at %s", name, a.Name.Local, e.Name.Local, n)
							}
						}
					}
				}
			}
		}
	}
}

// A heat map's cells hold every request: a column is as wide as its interval, and many intervals become few columns.
func TestColumns(t *testing.T) {
	var series []result.Interval
	for i := range 1000 {
		h := new(hist.Histogram)
		h.AddN(int64(1000*(i+1)), uint64(i+1))
		series = append(series, result.Interval{At: time.Duration(i+1) * time.Second, Length: time.Second, Latency: result.Latency{Histogram: h}})
	}
	columns, end := columnsOf(series), endOf(&result.Run{Series: series})
	if len(columns) > maxColumns || end != 1000 {
		t.Errorf("%d columns up to %v s", len(columns), end)
	}
	var n uint64
	at := 0.0
	for _, c := range columns {
		if c.from != at {
			t.Errorf("a column begins at %v, the one before ended at %v", c.from, at)
		}
		at = c.to
		n += c.hist.Count()
	}
	if n != 1000*1001/2 {
		t.Errorf("%d requests in all columns, want %d", n, 1000*1001/2)
	}
}

// What happens in one slice of a run is at one place of all its charts over time: the throughput's points and the heat map's
// percentiles lie in the middle of the slice, on axes of one length. So do those of a comparison, although its sides' rounds
// end at different times.
func TestTimeAxesAreShared(t *testing.T) {
	r := resulttest.Run(resulttest.Shape{Intervals: 8})
	lo, hi := extent(r)
	hot, rate := heat("heat", r, lo, hi, endOf(r)), throughput(r)[0]
	if hot.X.hi != rate.X.hi {
		t.Errorf("the heat map ends at %v s, the throughput at %v s", hot.X.hi, rate.X.hi)
	}
	xs := func(c *chart, class string) (all []string) {
		for _, m := range c.Marks {
			if strings.HasPrefix(m.Class, class) {
				for _, step := range strings.FieldsFunc(m.D, func(r rune) bool { return r == 'M' || r == 'L' }) {
					x, _, _ := strings.Cut(step, " ")
					all = append(all, x)
				}
				break
			}
		}
		return all
	}
	if a, b := xs(hot, "line over"), xs(rate, "line "); len(a) != 8 || !slices.Equal(a, b) {
		t.Errorf("slices are at %v in the heat map and at %v in the throughput", a, b)
	}
	c := resulttest.Comparison(resulttest.Shape{Intervals: 8, EqualLoad: 50000})
	for i := range c.Sides[1].Runs {
		last := &c.Sides[1].Runs[i].Series[7]
		last.At += last.Length / 2
		last.Length += last.Length / 2
	}
	ends := map[float64]bool{}
	for _, s := range viewComparison(c).Sections {
		if s.ID == "heat" || s.ID == "throughput" {
			for _, ch := range s.Charts {
				if strings.HasPrefix(ch.X.Title, "time") {
					ends[ch.X.hi] = true
				}
			}
		}
	}
	if len(ends) != 1 {
		t.Errorf("the time axes of a comparison end at %v", ends)
	}
}

// One request among a million is seen, and seven shades are told apart.
func TestShade(t *testing.T) {
	for share, want := range map[float64]int{0: -1, 1e-6: 0, 1e-5: 1, 9e-4: 2, 1e-3: 3, 0.02: 4, 0.05: 5, 0.15: 6, 1: 6} {
		if got := shade(share); got != want {
			t.Errorf("share %v has shade %d, want %d", share, got, want)
		}
	}
	r := resulttest.Run(resulttest.Shape{Intervals: 4})
	r.Series[2].Latency.Add(int64(3 * time.Second))
	lo, hi := extent(r)
	if !slices.ContainsFunc(heat("heat", r, lo, hi, endOf(r)).Marks, func(m mark) bool { return m.Class == "cell h0" }) {
		t.Error("the single request of 3 s is not drawn")
	}
}

// The curve of percentiles passes through the quantiles.
func TestPercentileMarks(t *testing.T) {
	h := new(hist.Histogram)
	h.AddN(100_000, 98_000)
	h.AddN(10_000_000, 2000)
	c := percentiles("p", []distribution{{"reads", result.Latency{Histogram: h}, colour(0)}})
	text := c.Desc
	for _, m := range c.Marks {
		text += "\n" + m.Hint
	}
	for _, want := range []string{"reads p50: 100 µs", "reads p95: 100 µs", "reads p99: 10.0 ms", "reads p99.9: 10.0 ms", "max 10.0 ms"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q", want)
		}
	}
	if percentiles("none", []distribution{{"reads", result.Latency{}, ""}, {"writes", result.Latency{Histogram: new(hist.Histogram)}, ""}}) != nil {
		t.Error("a chart of nothing")
	}
}

// Columns that say nothing go; a table longer than a page says what it leaves out.
func TestTables(t *testing.T) {
	got := table{Head: []string{"a", "zero", "b", "unknown"}, Rows: [][]string{{"0", "0", "1", ""}, {"0", "0", "0", ""}}}.prune()
	if fmt.Sprint(got.Head, got.Rows) != "[a b] [[0 1] [0 0]]" {
		t.Errorf("%v %v", got.Head, got.Rows)
	}
	long := statsTable("Rows", []string{"n"}, maxRows+7, func(i int) ([]string, *result.Stats) { return []string{fmt.Sprint(i)}, &result.Stats{} })
	if len(long.Rows) != maxRows || !strings.HasPrefix(long.More, "7 more") || long.Open {
		t.Errorf("%d rows, %q", len(long.Rows), long.More)
	}
}
