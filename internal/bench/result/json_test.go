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

// The JSON has all fields: read back into the types it was made from, it gives the same values.
func TestRoundTrip(t *testing.T) {
	for name, want := range documents() {
		t.Run(name, func(t *testing.T) {
			var got result.Document
			decode(t, encode(t, want), want, &got)
			forgetHistograms(reflect.ValueOf(&got))
			forgetHistograms(reflect.ValueOf(&want))
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v\nwant %+v", got, want)
			}
		})
	}
}

// decode reads JSON into a document of the same kind as like, without its histograms.
func decode(t *testing.T, b []byte, like result.Document, d *result.Document) {
	t.Helper()
	var to any
	switch {
	case like.Run != nil:
		d.Run = new(result.Run)
		to = d.Run
	case like.Comparison != nil:
		d.Comparison = new(result.Comparison)
		to = d.Comparison
	default:
		d.Sweep = new(result.Sweep)
		to = d.Sweep
	}
	if err := json.Unmarshal(b, to); err != nil {
		t.Fatal(err)
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

// No result and several results are refused.
func TestEncodeRefuses(t *testing.T) {
	for _, d := range []result.Document{{}, {Run: new(result.Run), Sweep: new(result.Sweep)}} {
		if _, err := json.Marshal(d); err == nil {
			t.Errorf("%+v was written", d)
		}
	}
}

// A figure that is no number is written as 0, and the rest is not lost.
func TestNotANumber(t *testing.T) {
	run := resulttest.Run(resulttest.Shape{Intervals: 1})
	run.Total.IOPS, run.CPUs[0].PDUsPerSend = math.NaN(), math.Inf(1)
	c := resulttest.Comparison(resulttest.Shape{Intervals: 1})
	c.Ratios[0][result.FigureIdle] = result.Spread{Median: math.NaN(), Low: math.Inf(-1), High: 3}
	for _, d := range []result.Document{{Run: run}, {Comparison: c}} {
		var got result.Document
		decode(t, encode(t, d), d, &got)
		if r := got.Run; r != nil && (r.Total.IOPS != 0 || r.CPUs[0].PDUsPerSend != 0 || r.Total.Requests != run.Total.Requests) {
			t.Errorf("came back as %v, %v", r.Total.IOPS, r.CPUs[0].PDUsPerSend)
		}
		if c := got.Comparison; c != nil && c.Ratios[0][result.FigureIdle] != (result.Spread{High: 3}) {
			t.Errorf("came back as %v", c.Ratios[0][result.FigureIdle])
		}
	}
}
