package main

import (
	"context"
	"fmt"

	"github.com/ringtgt/ringtgt/internal/bench/peer"
	"github.com/ringtgt/ringtgt/internal/bench/result"
	"github.com/ringtgt/ringtgt/internal/bench/run"
)

// row is a line of the table before it is measured.
type row struct {
	id, load string
	group    string // "": a requirement; others are measured only by the name of row or group
	memory   bool   // the memory of idle connections belongs to it
	parts    []part
	grid     func(*result.Comparison) [][]string // a table of its own, nil: none
}

// part is one comparison.
type part struct {
	work     run.Options
	sides    []side
	figure   string      // of the first side, compared with the second's; "": the tail alone
	limit    Requirement // of the first side's IOPS per CPU-second, compared with its limit's; zero: it is shown alone
	what     string      // the figure's name in the table
	required Requirement
	tail     bool // p99.9 at equal load, too
	idle     bool // the first side's idle CPU, too
	file     bool // all sides use a file on a disk
}

// side is what a row compares: a target under a workload, or something else that reads.
type side struct {
	name   string // "": its peer's
	peer   string // "": no target, do carries out the run
	args   string // of ringtgt serve
	loops  int    // 0: one, on the target's CPU
	old    bool   // the binary of -before serves
	of     int    // of a limit: the side that it is the limit of
	change func(*bench, *run.Options)
	do     func(*bench, context.Context, served, run.Options) (*result.Run, error) // nil: run.Do
}

// served is where a side finds its data.
type served struct {
	*peer.Target        // nil: none
	binary, file string // "": none
}

var (
	ours = side{peer: peer.Ringtgt}
	tgt  = side{peer: peer.Tgt}
	// limit is the bare responder, see package cold.
	limit = side{name: "limit", peer: peer.Cold}
)

// times is the requirement of a ratio.
func times(v float64) Requirement { return Requirement{Value: v, Unit: "x"} }

// tailRequired: no worse than tgt's.
var tailRequired = Requirement{AtMost: true, Value: 1, Unit: "x"}

// rows is the table: the requirements, further loads beside the limit, and the study of MC/S.
func rows(few, many int) []row {
	reads := run.Options{RW: "randread", BlockSize: "4k", IODepth: 32}
	one := reads
	one.IODepth = 1
	digests := reads
	digests.Digests = "both"
	held := beside("randread", "4 KiB random read, depth 32", 5.5, result.FigureIOPSPerCPU, reads)
	held.parts[0].limit = times(limitRequired)
	return append([]row{
		held,
		beside("randwrite", "4 KiB random write, depth 32", 3.2, result.FigureIOPSPerCPU, run.Options{RW: "randwrite", BlockSize: "4k", IODepth: 32}),
		beside("read", "256 KiB sequential read, depth 8", 4.2, result.FigureBytes, run.Options{RW: "read", BlockSize: "256k", IODepth: 8}),
		beside("write", "256 KiB sequential write, depth 8", 3.0, result.FigureBytes, run.Options{RW: "write", BlockSize: "256k", IODepth: 8}),
		{id: "depth1", load: "4 KiB random read, depth 1", parts: []part{
			{work: one, sides: []side{ours, {peer: peer.Echo}, {name: "echo, with a client of plain system calls", peer: peer.Echo, do: ping}, limit},
				figure: result.FigureP50, what: "p50, times a bare TCP echo's", required: Requirement{AtMost: true, Value: 1.25, Unit: "x"}, idle: true},
			{work: one, sides: []side{ours, tgt}, tail: true},
		}},
		beside("digests", "4 KiB random read with header and data digests, depth 32", 5, result.FigureIOPSPerCPU, digests),
		besideFio("file", "read", reads),
		besideFio("file-write", "write", run.Options{RW: "randwrite", BlockSize: "4k", IODepth: 32}),
		{id: "sessions", load: "1,000 sessions beside 10, 4 KiB random read", memory: true, parts: []part{
			{work: reads, sides: limited(sessions(many, sessionDepth), sessions(few, sessionDepth)), figure: result.FigureIOPSPerCPU,
				what: fmt.Sprintf("IOPS per target CPU-second, %d sessions to %d", many, few), required: times(0.85)},
			{work: reads, sides: limited(sessions(many, smallDepth), sessions(few, smallDepth)), figure: result.FigureIOPSPerCPU, what: fmt.Sprintf("the same at depth %d", smallDepth)},
		}},
		besideLimit("4x8", "4 sessions of depth 8, 4 KiB random read", 4, run.Options{RW: "randread", BlockSize: "4k", IODepth: 8}, times(limitRequired)),
		besideLimit("4x32", "4 sessions of depth 32, 4 KiB random read", 4, reads, times(limitRequired)),
	}, append(besideLimits(), study()...)...)
}

// limitGroup is the name of the rows that compare our target with its limit alone.
const limitGroup = "limit"

// besideLimits are further loads, to see where the distance to the limit is.
func besideLimits() []row {
	all := []row{
		besideLimit("limit-mixed", "4 KiB 70/30, depth 32", 1, run.Options{RW: "randrw", ReadMix: 70, BlockSize: "4k", IODepth: 32}, Requirement{}),
		besideLimit("limit-write-digests", "4 KiB random write with header and data digests, depth 32", 1,
			run.Options{RW: "randwrite", BlockSize: "4k", IODepth: 32, Digests: "both"}, Requirement{}),
		besideLimit("limit-depth4", "4 KiB random read, depth 4", 1, run.Options{RW: "randread", BlockSize: "4k", IODepth: 4}, Requirement{}),
		besideLimit("limit-4x8-write", "4 sessions of depth 8, 4 KiB random write", 4, run.Options{RW: "randwrite", BlockSize: "4k", IODepth: 8}, Requirement{}),
		besideLimit("limit-64k", "64 KiB random read, depth 16", 1, run.Options{RW: "randread", BlockSize: "64k", IODepth: 16}, Requirement{}),
	}
	for i := range all {
		all[i].group = limitGroup
	}
	return all
}

// besideLimit is a row whose figure is a ratio to the limit.
func besideLimit(id, load string, sessions int, o run.Options, required Requirement) row {
	o.Sessions = sessions
	return row{id: id, load: load, parts: []part{{
		work: o, sides: limited(ours), figure: result.FigureIOPSPerCPU, what: limitFigure, required: required,
	}}}
}

// limitFigure names a ratio to the limit.
const limitFigure = result.FigureIOPSPerCPU + ", times the limit's"

// limited adds to each side its limit: the responder under the same load.
func limited(sides ...side) []side {
	for i, s := range sides[:len(sides):len(sides)] {
		l := limit
		l.of, l.change = i, s.change
		if s.name != "" {
			l.name += ", " + s.name
		}
		sides = append(sides, l)
	}
	return sides
}

// beside is a row whose figure is a ratio to tuned tgt.
func beside(id, load string, required float64, figure string, o run.Options) row {
	return row{id: id, load: load, parts: []part{{
		work: o, sides: []side{ours, tgt, limit}, figure: figure, what: figure + ", times tgt's", required: times(required), tail: true,
	}}}
}

// besideFio is a row whose figure is a ratio to fio without a target, on a file past the page cache.
func besideFio(id, verb string, o run.Options) row {
	polled := o
	polled.Poll = clientPoll
	fio := side{name: "fio", do: fio}
	awake := side{peer: peer.Ringtgt, args: "--poll " + diskPoll.String()}
	return row{id: id, load: "O_DIRECT file, 4 KiB random " + verb + ", depth 32", parts: []part{
		{work: polled, sides: []side{awake, fio}, file: true,
			figure: result.FigureIOPS, what: "IOPS, times local fio io_uring's, with " + awake.args, required: times(0.85)},
		{work: polled, sides: []side{ours, fio}, file: true, figure: result.FigureIOPS, what: "the same with the default --poll"},
		{work: o, sides: []side{ours, tgt}, file: true, tail: true},
	}}
}

// sessions is our target with n sessions, each with this depth.
func sessions(n, depth int) side {
	return side{name: fmt.Sprintf("%d sessions of depth %d", n, depth), peer: peer.Ringtgt, change: func(_ *bench, o *run.Options) { o.Sessions, o.IODepth = n, depth }}
}

// newToOld makes of a row the one that compares two binaries: each side of ours with its like of the other binary, and nothing else.
func newToOld(r row) row {
	parts := r.parts
	r.parts, r.grid = nil, nil
	for _, p := range parts {
		if p.figure == "" {
			continue
		}
		for _, s := range p.sides {
			if s.peer != peer.Ringtgt {
				continue
			}
			q := part{work: p.work, figure: p.figure, file: p.file, what: p.figure + ", new to old", required: notSlower(p.figure)}
			which := ""
			if s.name != "" || s.args != "" {
				which = ": " + s.name + s.args
			}
			q.what += which
			old := s
			s.name, old.name, old.old = "new"+which, "old"+which, true
			q.sides = []side{s, old}
			r.parts = append(r.parts, q)
		}
	}
	return r
}

// notSlower is what a ratio of new to old has to be.
func notSlower(figure string) Requirement {
	for _, f := range result.Figures() {
		if f.Name == figure && f.Higher {
			return times(1 - slower)
		}
	}
	return Requirement{AtMost: true, Value: 1 + slower, Unit: "x"}
}
