package result_test

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/bench/result"
	"github.com/ringtgt/ringtgt/internal/bench/result/resulttest"
	"github.com/ringtgt/ringtgt/internal/hist"
)

// documents are one of each kind.
func documents() map[string]result.Document {
	return map[string]result.Document{
		"run":        {Run: resulttest.Run(resulttest.Shape{Sessions: 2, Conns: 3, CPUs: 2, Mixed: true, Stall: 5})},
		"comparison": {Comparison: resulttest.Comparison(resulttest.Shape{Intervals: 3})},
		"sweep":      {Sweep: resulttest.Sweep(resulttest.Shape{Intervals: 3})},
	}
}

// What is read is what was written. The mean is written in whole ns, so that what was read once is kept to the bit.
func TestRoundTrip(t *testing.T) {
	for name, want := range documents() {
		t.Run(name, func(t *testing.T) {
			first := encode(t, want)
			got, err := result.Decode(bytes.NewReader(first))
			if err != nil {
				t.Fatal(err)
			}
			if second := encode(t, got); !bytes.Equal(first, second) {
				t.Error("written once more it differs")
			}
			again, err := result.Decode(bytes.NewReader(first))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, again) {
				t.Error("read twice it differs")
			}
			forgetHistograms(reflect.ValueOf(&got))
			forgetHistograms(reflect.ValueOf(&want))
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v\nwant %+v", got, want)
			}
		})
	}
}

// forgetHistograms takes out what the tests of the histograms' coding look at.
func forgetHistograms(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			forgetHistograms(v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			forgetHistograms(v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Field(i); f.Type() == reflect.TypeFor[*hist.Histogram]() && f.CanSet() {
				f.SetZero()
			} else if f.CanSet() {
				forgetHistograms(f)
			}
		}
	}
}

func encode(t *testing.T, d result.Document) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := result.Encode(&b, d); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// The names that other programs read, as jq would.
func TestNames(t *testing.T) {
	var v map[string]any
	if err := json.Unmarshal(encode(t, documents()["run"]), &v); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{
		"version", "total.iops", "total.latency.p99.9_ns", "total.latency.hdr", "reads.latency.mean_ns", "writes.requests", "target.cpu_ns", "target.idle_cpu",
		"connections.0.session", "connections.0.cid", "connections.0.window_closed", "connections.0.latency.p50_ns", "sessions.1.session", "sessions.1.bytes_per_second",
		"cpus.0.user_ns", "cpus.0.system_ns", "cpus.0.pdus_per_send", "cpus.0.latency.count", "series.0.at_ns", "series.0.reads", "series.0.latency.max_ns", "elapsed_ns", "workload.rw",
	} {
		if !has(v, path) {
			t.Errorf("there is no %s", path)
		}
	}
}

// has follows path, whose names may have dots in them.
func has(v any, path string) bool {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			if rest, ok := strings.CutPrefix(path, k); ok && (rest == "" || rest[0] == '.' && has(e, rest[1:])) {
				return true
			}
		}
	case []any:
		i, rest, _ := strings.Cut(path, ".")
		n := int(i[0] - '0')
		return n < len(v) && has(v[n], rest)
	}
	return false
}

// Another version, another thing, and what could not be shown are refused.
func TestDecodeRefuses(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"nothing":           {``, "unexpected end"},
		"another thing":     {`{"version":1}`, "neither a run"},
		"another version":   {`{"version":2,"started":"2026-11-03T14:05:09Z"}`, "version 2"},
		"no version":        {`{"points":[]}`, "version 0"},
		"knee out of range": {`{"version":1,"points":[],"knee":0}`, "knee 0"},
		"missing ratios":    {`{"version":1,"sides":[{},{}]}`, "2 sides and 0 ratios"},
		"too many":          {strings.Repeat("{", 70000), "objects"},
		"wrong histogram":   {`{"version":1,"started":"2026-11-03T14:05:09Z","connections":[{"latency":{"count":3}}]}`, "counts are missing"},
	} {
		if _, err := result.Decode(strings.NewReader(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if _, err := json.Marshal(result.Document{}); err == nil {
		t.Error("nothing at all was written")
	}
}

// A figure that is no number is written as 0, and the rest is not lost.
func TestNotANumber(t *testing.T) {
	run := resulttest.Run(resulttest.Shape{Intervals: 1})
	run.Total.IOPS, run.CPUs[0].PDUsPerSend = math.NaN(), math.Inf(1)
	c := resulttest.Comparison(resulttest.Shape{Intervals: 1})
	c.Ratios[0][result.FigureIdle] = result.Spread{Median: math.NaN(), Low: math.Inf(-1), High: 3}
	for _, d := range []result.Document{{Run: run}, {Comparison: c}} {
		got, err := result.Decode(bytes.NewReader(encode(t, d)))
		if err != nil {
			t.Fatal(err)
		}
		if r := got.Run; r != nil && (r.Total.IOPS != 0 || r.CPUs[0].PDUsPerSend != 0 || r.Total.Requests != run.Total.Requests) {
			t.Errorf("came back as %v, %v", r.Total.IOPS, r.CPUs[0].PDUsPerSend)
		}
		if c := got.Comparison; c != nil && c.Ratios[0][result.FigureIdle] != (result.Spread{High: 3}) {
			t.Errorf("came back as %v", c.Ratios[0][result.FigureIdle])
		}
	}
}

// Reading arbitrary JSON neither panics nor takes memory that its length does not explain.
func FuzzDecode(f *testing.F) {
	h := new(hist.Histogram)
	h.AddN(70000, 9)
	run := result.Run{Version: result.Version, Total: result.Stats{Latency: result.Latency{Histogram: h}}, CPUs: make([]result.CPU, 1), Series: make([]result.Interval, 1)}
	for _, d := range []result.Document{
		{Run: &run},
		{Comparison: &result.Comparison{Version: result.Version, Sides: []result.Side{{Runs: []result.Run{run}}}}},
		{Sweep: &result.Sweep{Version: result.Version, Points: []result.Point{{Run: run}}}},
	} {
		b, err := json.Marshal(d)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := result.Decode(bytes.NewReader(b))
		if err != nil {
			return
		}
		if err := result.Encode(new(bytes.Buffer), d); err != nil {
			t.Errorf("read and cannot be written: %v", err)
		}
	})
}
