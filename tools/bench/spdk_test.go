package main

import (
	"bytes"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// round returns a round in which ringtgt's figures are SPDK's times a factor.
func round(factor float64) spdkRound {
	f := figuresOf{IOPS: 100e3, PerCPU: 100e3, PerBusy: 200e3, P50: 50e-6, P99: 90e-6, P999: 120e-6}
	return spdkRound{SPDK: f, Ours: figuresOf{IOPS: factor * f.IOPS, PerCPU: factor * f.PerCPU, PerBusy: factor * f.PerBusy, P50: f.P50, P99: f.P99, P999: f.P999}}
}

func TestSPDKRows(t *testing.T) {
	var whole []string
	seen := map[string]bool{}
	for _, r := range spdkRows() {
		if seen[r.id] {
			t.Errorf("%s is there twice", r.id)
		}
		if seen[r.id] = true; r.whole {
			whole = append(whole, r.id)
		}
	}
	if want := []string{"randread-1", "randread-4"}; !slices.Equal(whole, want) {
		t.Errorf("the whole processor time counts in %v, want %v", whole, want)
	}
	if got, err := selectSPDK("^randread-[0-9]+x4$"); err != nil || len(got) != 5 {
		t.Errorf("%d rows, %v", len(got), err)
	}
	for _, bad := range []string{"(", "nothing"} {
		if _, err := selectSPDK(bad); err == nil {
			t.Errorf("%q selects rows", bad)
		}
	}
}

// A row is judged by the median of its rounds; where the whole processor time counts, the busy one does not, and not in the mean.
func TestSPDKTable(t *testing.T) {
	rows := []spdkMeasured{
		{ID: "randread-32", Rounds: []spdkRound{round(0.5), round(1.44), round(2)}},
		{ID: "randwrite-32", Rounds: []spdkRound{round(1)}},
		{ID: "randread-1", Whole: true, Rounds: []spdkRound{round(0.9)}},
	}
	if mean, n := spdkMean(rows); n != 2 || math.Abs(mean-1.2) > 1e-9 {
		t.Errorf("mean %v of %d rows", mean, n)
	}
	var b bytes.Buffer
	if err := writeSPDK(&b, rows); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"1.44 (0.50 to 2.00)", "| IOPS, per CPU-s |", "10 of 12 conditions met", "over 2 rows: 1.20"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}

// A row measured again replaces the older one, and the file has all rows in the table's order.
func TestSPDKFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rows.json")
	rows, err := readSPDK(path)
	if err != nil || rows != nil {
		t.Fatal(rows, err)
	}
	for _, m := range []spdkMeasured{
		{ID: "randread-1", Rounds: []spdkRound{round(3)}}, {ID: "randread-32", Rounds: []spdkRound{round(1)}}, {ID: "randread-1", Rounds: []spdkRound{round(2)}},
	} {
		if rows, err = readSPDK(path); err != nil {
			t.Fatal(err)
		}
		if err := writeSPDKFile(path, replaceSPDK(rows, m)); err != nil {
			t.Fatal(err)
		}
	}
	rows, err = readSPDK(path)
	if err != nil || len(rows) != 2 || rows[0].ID != "randread-32" || rows[1].ID != "randread-1" || rows[1].Rounds[0].Ours.IOPS != 200e3 {
		t.Errorf("%+v, %v", rows, err)
	}
}

func TestSPDKUsage(t *testing.T) {
	for _, args := range [][]string{
		{}, {"-rows", "("}, {"-spdk", "x", "more"}, {"-spdk", "x", "-rounds", "0"}, {"-repeat", "-1"}, {"-spdk", "x", "-runtime", "1h"}, {"-nothing"},
	} {
		var stdout, stderr bytes.Buffer
		if code := spdkCommand(t.Context(), append([]string{"bench", "spdk"}, args...), &stdout, &stderr); code != exitUsage || stderr.Len() == 0 {
			t.Errorf("%v: exit %d, %q", args, code, stderr.String())
		}
	}
}

// ringtgt alone is measured without SPDK.
func TestSPDKRepeat(t *testing.T) {
	b := small(t)
	v := &versusSPDK{bench: *b}
	defer v.stop(true)
	if err := v.prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	selected, err := selectSPDK("^randread-4$")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := v.repeat(t.Context(), selected, 3, &out); err != nil {
		t.Fatal(err)
	}
	if n := len(strings.Fields(out.String()[strings.LastIndex(out.String(), "run by run:"):])); n != 3+3 {
		t.Errorf("%d words after the last line's start:\n%s", n, out.String())
	}
}
