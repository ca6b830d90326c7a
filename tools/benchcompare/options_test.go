package main

import (
	"io"
	"slices"
	"strings"
	"testing"
)

func TestOptions(t *testing.T) {
	o, err := parseOptions([]string{"-ref", "main"}, io.Discard)
	if err != nil || o.bench != "Window" || o.pkg != "./session" || o.rounds != 10 || o.maxRounds != 40 || o.threshold != 0.10 ||
		o.benchtime != "100ms" || o.cpus != nil {
		t.Errorf("%+v, %v", o, err)
	}
	for _, c := range []struct {
		args string
		says string // empty: no error
	}{
		{"", "REF="},
		{"-ref=", "REF="},
		{"-ref --all", "no commit"},
		{"-ref main -new -x", "no commit"},
		{"-ref main HEAD", `"HEAD"`},
		{"-ref main -bench=", "-bench"},
		{"-ref main -pkg ./...", "one package"},
		{"-ref main -pkg=", "one package"},
		{"-ref main -rounds 4", "5 to 60"},
		{"-ref main -rounds 61", "5 to 60"},
		{"-ref main -rounds 60", ""},
		{"-ref main -max-rounds 9", "10 to 60"},
		{"-ref main -max-rounds 61", "10 to 60"},
		{"-ref main -max-rounds 10", ""},
		{"-ref main -threshold 0.1", "percentage"},
		{"-ref main -threshold 0%", "percentage"},
		{"-ref main -threshold -5%", "percentage"},
		{"-ref main -threshold NaN%", "percentage"},
		{"-ref main -threshold 1001%", "percentage"},
		{"-ref main -threshold 2.5%", ""},
		{"-ref main -benchtime 100", "-benchtime"},
		{"-ref main -benchtime 0x", "-benchtime"},
		{"-ref main -benchtime -1s", "-benchtime"},
		{"-ref main -benchtime 50x", ""},
		{"-ref main -cpus 0,2-3", ""},
		{"-ref main -cpus 3-2", "-cpus"},
		{"-ref main -cpus 1024", "-cpus"},
		{"-ref main -cpus all", "-cpus"},
		{"-ref main -nosuch", "not defined"},
	} {
		var said strings.Builder
		_, err := parseOptions(strings.Fields(c.args), &said)
		if (err != nil) != (c.says != "") || !strings.Contains(said.String(), c.says) {
			t.Errorf("%q: %v, said %q", c.args, err, said.String())
		}
	}
}

func TestParseCPUs(t *testing.T) {
	set, err := parseCPUs("0,2-3")
	if err != nil || set.Count() != 3 || !set.IsSet(0) || !set.IsSet(2) || !set.IsSet(3) {
		t.Errorf("%v, %v", set, err)
	}
}

func TestLooks(t *testing.T) {
	for _, c := range []struct {
		rounds, max int
		want        []int
	}{
		{10, 40, []int{10, 20, 40}},
		{10, 10, []int{10}},
		{10, 15, []int{10, 15}},
		{20, 60, []int{20, 40, 60}},
	} {
		if got := (options{rounds: c.rounds, maxRounds: c.max}).looks(); !slices.Equal(got, c.want) {
			t.Errorf("%d up to %d: %v, want %v", c.rounds, c.max, got, c.want)
		}
	}
}
