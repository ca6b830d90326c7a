package main

import (
	"cmp"
	"fmt"
	"math"
	"regexp"

	"github.com/ringtgt/ringtgt/internal/bench/result"
	"github.com/ringtgt/ringtgt/internal/bench/run"
	"github.com/ringtgt/ringtgt/internal/stat"
)

// spdkRow is a load of the comparison with SPDK.
type spdkRow struct {
	id   string
	work run.Options
	// whole: the processor time of both sides is all that their CPU spent. SPDK's busy time leaves out the polls that find nothing, and
	// with few requests in flight these are what a wake-up is for ringtgt.
	whole bool
}

// spdkRows are all loads.
func spdkRows() (rows []spdkRow) {
	add := func(id string, o run.Options) {
		o.BlockSize, o.Sessions = cmp.Or(o.BlockSize, "4k"), max(o.Sessions, 1)
		rows = append(rows, spdkRow{id: id, work: o, whole: o.Sessions == 1 && o.IODepth <= 4})
	}
	add("randread-32", run.Options{RW: "randread", IODepth: 32})
	add("randwrite-32", run.Options{RW: "randwrite", IODepth: 32})
	add("mixed-32", run.Options{RW: "randrw", ReadMix: 70, IODepth: 32})
	add("randread-32-digests", run.Options{RW: "randread", IODepth: 32, Digests: "both"})
	add("randwrite-32-digests", run.Options{RW: "randwrite", IODepth: 32, Digests: "both"})
	add("randread-1", run.Options{RW: "randread", IODepth: 1})
	add("randread-4", run.Options{RW: "randread", IODepth: 4})
	add("randread-64k-16", run.Options{RW: "randread", BlockSize: "64k", IODepth: 16})
	add("seqread-256k-8", run.Options{RW: "read", BlockSize: "256k", IODepth: 8})
	add("seqwrite-256k-8", run.Options{RW: "write", BlockSize: "256k", IODepth: 8})
	add("randread-4x8", run.Options{RW: "randread", Sessions: 4, IODepth: 8})
	add("randwrite-4x8", run.Options{RW: "randwrite", Sessions: 4, IODepth: 8})
	for _, depth := range []int{4, 32} {
		for _, sessions := range []int{4, 16, 64, 256, manySessions} {
			add(fmt.Sprintf("randread-%dx%d", sessions, depth), run.Options{RW: "randread", Sessions: sessions, IODepth: depth})
		}
	}
	return rows
}

// selectSPDK returns the rows whose name a regular expression matches.
func selectSPDK(expr string) (selected []spdkRow, err error) {
	re, err := regexp.Compile(expr)
	if err != nil {
		return nil, err
	}
	for _, r := range spdkRows() {
		if re.MatchString(r.id) {
			selected = append(selected, r)
		}
	}
	if len(selected) == 0 {
		return nil, fmt.Errorf("no row matches %q", expr)
	}
	return selected, nil
}

// figuresOf are one side's figures of one run.
type figuresOf struct {
	IOPS    float64 `json:"iops"`
	PerCPU  float64 `json:"iops_per_cpu"`
	PerBusy float64 `json:"iops_per_busy_cpu"` // of SPDK: per CPU-second in pollers that found work; of ringtgt: as PerCPU
	// NoPolls leaves ringtgt's polls out, too: those that found nothing, and the wait of those that found an answer.
	NoPolls float64 `json:"iops_without_polls"`
	P50     float64 `json:"p50"` // seconds
	P99     float64 `json:"p99"`
	P999    float64 `json:"p999"`
}

// figuresOfRun takes the figures from a run; busy is the share of the processor time that was busy.
func figuresOfRun(r *result.Run, busy float64) (f figuresOf, err error) {
	for _, x := range []struct {
		name string
		to   *float64
	}{
		{result.FigureIOPS, &f.IOPS}, {result.FigureIOPSPerCPU, &f.PerCPU}, {result.FigureP50, &f.P50}, {result.FigureP99, &f.P99}, {result.FigureP999, &f.P999},
	} {
		v, ok := r.Figure(x.name)
		if !ok {
			return f, fmt.Errorf("the run has no %s", x.name)
		}
		*x.to = v
	}
	f.PerBusy = f.PerCPU / busy
	return f, nil
}

// spdkRound is a round: one run of each side.
type spdkRound struct {
	Ours figuresOf `json:"ringtgt"`
	SPDK figuresOf `json:"spdk"`
}

// spdkMeasured is a row with its rounds, as -out keeps it.
type spdkMeasured struct {
	ID      string      `json:"id"`
	Whole   bool        `json:"whole"`
	Version string      `json:"ringtgt"`
	Rounds  []spdkRound `json:"rounds"`
	Noise   []string    `json:"noise,omitempty"`
}

// spdkFigure is a figure that is compared.
type spdkFigure struct {
	name     string
	required Requirement // zero: shown only
	of       func(*figuresOf) float64
}

// spdkFigures are a row's figures, in the order of the table.
func spdkFigures(whole bool) []spdkFigure {
	least, most, none := times(1), Requirement{AtMost: true, Value: 1.1, Unit: "x"}, Requirement{}
	perCPU, perBusy := none, least
	if whole {
		perCPU, perBusy = least, none
	}
	return []spdkFigure{
		{"IOPS", least, func(f *figuresOf) float64 { return f.IOPS }},
		{"per CPU-s", perCPU, func(f *figuresOf) float64 { return f.PerCPU }},
		{"per busy CPU-s", perBusy, func(f *figuresOf) float64 { return f.PerBusy }},
		{"both without polls", none, func(f *figuresOf) float64 { return f.NoPolls }},
		{"p50", most, func(f *figuresOf) float64 { return f.P50 }},
		{"p99", most, func(f *figuresOf) float64 { return f.P99 }},
		{"p99.9", none, func(f *figuresOf) float64 { return f.P999 }},
	}
}

// spread returns a figure over the rounds: of each side, and the ratio of ringtgt's to SPDK's.
func (m *spdkMeasured) spread(f spdkFigure) (ours, spdk, ratio result.Spread) {
	var a, b, c []float64
	for i := range m.Rounds {
		x, y := f.of(&m.Rounds[i].Ours), f.of(&m.Rounds[i].SPDK)
		a, b, c = append(a, x), append(b, y), append(c, x/y)
	}
	return stat.Of(a), stat.Of(b), stat.Of(c)
}

// spdkMean is the geometric mean of the rows' ratios of IOPS per busy CPU-second, without those whose whole processor time counts.
func spdkMean(rows []spdkMeasured) (mean float64, n int) {
	sum := 0.0
	for i := range rows {
		if rows[i].Whole {
			continue
		}
		_, _, ratio := rows[i].spread(spdkFigures(false)[2])
		sum += math.Log(ratio.Median)
		n++
	}
	return math.Exp(sum / float64(max(n, 1))), n
}
