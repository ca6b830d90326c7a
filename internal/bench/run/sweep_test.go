package run

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestParseSweep(t *testing.T) {
	for s, want := range map[string][]string{
		"depth=1..128":      {"iodepth", "1", "2", "4", "8", "16", "32", "64", "128"},
		"iodepth=1..100":    {"iodepth", "1", "2", "4", "8", "16", "32", "64", "100"}, // the high one is always there
		"depth=1,4,16":      {"iodepth", "1", "4", "16"},
		"depth=3":           {"iodepth", "3"},
		"bs=4k..1m":         {"bs", "4k", "8k", "16k", "32k", "64k", "128k", "256k", "512k", "1m"},
		"bs=512,4096":       {"bs", "512", "4k"},
		"connections=1..16": {"connections", "1", "2", "4", "8", "16"},
		"rate=10k..200k":    {"rate", "10000", "20000", "40000", "80000", "160000", "200000"}, // a rate's k is a thousand
		"rate=1.5k,2k":      {"rate", "1500", "2000"},
		"sessions=1000,10":  {"sessions", "1000", "10"},
		"numjobs=2..3":      {"numjobs", "2", "3"},
	} {
		p, values, err := parseSweep(s)
		if err != nil || !slices.Equal(append([]string{p.name}, values...), want) {
			t.Errorf("%s: %+v %q, %v, want %q", s, p, values, err, want)
		}
	}
	for _, s := range []string{
		"", "depth", "depth=", "=1..2", "width=1..2", "depth=0..4", "depth=4..1", "depth=4..4", "depth=1..x", "depth=1,,2", "depth=1,x", "depth=1.5",
		"bs=4q..8k", "bs=4k..", "rate=1..1e99", "depth=1..2..3", "depth=-1..4", "depth=" + strings.Repeat("1,", 64) + "1",
	} {
		if p, values, err := parseSweep(s); err == nil || !strings.Contains(err.Error(), "PARAMETER is depth, bs, connections, sessions, numjobs or rate") {
			t.Errorf("%q: %+v %q, %v", s, p, values, err)
		}
	}
}

func TestParseRate(t *testing.T) {
	for s, want := range map[string]float64{
		"800": 800, "10k": 10000, "10K": 10000, "1.5M": 1.5e6, "0": 0, "0.5k": 500,
		"": -1, "k": -1, "-1": -1, "10q": -1, "Inf": -1, "NaN": -1, "0x10": -1, "1_000": -1, "200M": -1, "10kk": -1,
	} {
		if v, err := ParseRate(s); err != nil && want >= 0 || err == nil && v != want {
			t.Errorf("%q: %v, %v, want %v", s, v, err, want)
		}
	}
}

// A value that no run takes is refused before the first one.
func TestSweepChecksFirst(t *testing.T) {
	called := false
	o := Options{URL: someURL, Stage: func(string) { called = true }, Series: func(string) { called = true }}
	usage := new(UsageError)
	if s, err := Sweep(context.Background(), o, "iodepth=1,5000"); s != nil || !errors.As(err, &usage) || called {
		t.Errorf("%v, %v", s, err)
	}
	if s, err := Sweep(context.Background(), o, "width=1"); s != nil || !errors.As(err, &usage) {
		t.Errorf("%v, %v", s, err)
	}
}
