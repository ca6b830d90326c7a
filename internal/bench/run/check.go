package run

import (
	"cmp"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/ringtgt/ringtgt/bench/initiator"
	"github.com/ringtgt/ringtgt/internal/bench/result"
	"github.com/ringtgt/ringtgt/internal/host"
)

// plan is checked Options, complete except for what only the target can tell.
type plan struct {
	Options
	url    URL
	chap   initiator.CHAP
	keys   initiator.Keys
	work   initiator.Workload // without the LUN's geometry
	size   part
	all    int // sessions
	record result.Workload
	portal string  // that all connections go to
	isid   [3]byte // of all sessions
	first  bool    // Progress has been called
}

// workloads are fio's: whether addresses are in order, and the percentage of reads, -1 if rwmixread sets it.
var workloads = map[string]struct {
	sequential bool
	reads      int
}{
	"read": {true, 100}, "write": {true, 0}, "rw": {true, -1}, "readwrite": {true, -1},
	"randread": {false, 100}, "randwrite": {false, 0}, "randrw": {false, -1},
}

// problems collects what is wrong: flag, value, what is allowed.
type problems []string

func (p *problems) add(format string, args ...any) { *p = append(*p, fmt.Sprintf(format, args...)) }

// within checks a number or a time against its bounds; 0 stands for the default.
func within[T int | time.Duration](p *problems, flag string, v, low, high T) {
	if v != 0 && (v < low || v > high) {
		p.add("%s %v: want %v to %v", flag, v, low, high)
	}
}

// check finds everything that is wrong with the options as far as it shows without the target: a *UsageError.
func (o *Options) check() (*plan, error) {
	p := &plan{Options: *o}
	var bad problems
	p.checkTarget(&bad)
	p.checkMix(&bad)
	p.checkBlocks(&bad)
	p.checkRange(&bad)
	p.checkSeed(&bad)
	p.checkShape(&bad)
	p.checkTimes(&bad)
	if len(bad) > 0 {
		return nil, &UsageError{bad}
	}
	p.fill()
	return p, nil
}

func (p *plan) checkTarget(bad *problems) {
	var err error
	if p.url, err = ParseURL(p.URL); err != nil {
		bad.add("%v", err)
		return
	}
	p.chap = p.credentials(bad)
	if p.Initiator != "" {
		if err := checkName(p.Initiator); err != nil {
			bad.add("--initiator %q: %v", p.Initiator, err)
		}
	}
	if p.TargetPID < -1 {
		bad.add("--target-pid %d: want a process number, or -1 for none", p.TargetPID)
	}
}

// checkMix reads --rw and --rwmixread.
func (p *plan) checkMix(bad *problems) {
	p.RW = cmp.Or(p.RW, "randread")
	w, known := workloads[p.RW]
	if !known {
		bad.add("--rw %q: want read, write, randread, randwrite, rw, readwrite or randrw", p.RW)
	}
	if p.ReadMix < 0 || p.ReadMix > 99 {
		bad.add("--rwmixread %d: want 1 to 99; all reads are --rw read, all writes --rw write", p.ReadMix)
	}
	p.work.Sequential, p.work.ReadPercent = w.sequential, w.reads
	if w.reads < 0 {
		p.ReadMix = cmp.Or(p.ReadMix, 50)
		p.work.ReadPercent = p.ReadMix
	} else if p.ReadMix != 0 && known {
		bad.add("--rwmixread %d: it is for --rw rw and randrw, and this is %s", p.ReadMix, p.RW)
	}
}

// checkBlocks reads --bs and --bssplit.
func (p *plan) checkBlocks(bad *problems) {
	var err error
	switch {
	case p.BlockSplit != "" && p.BlockSize != "":
		bad.add("--bs %s and --bssplit %s: want one of them", p.BlockSize, p.BlockSplit)
	case p.BlockSplit != "":
		if p.work.Split, err = parseSplit(p.BlockSplit); err != nil {
			bad.add("--bssplit %q: %v", p.BlockSplit, err)
			break
		}
		for _, s := range p.work.Split {
			p.work.BlockSize = max(p.work.BlockSize, s.Bytes)
		}
		p.BlockSplit = formatSplit(p.work.Split)
	default:
		p.BlockSize = cmp.Or(p.BlockSize, "4k")
		if p.work.BlockSize, err = parseBlock(p.BlockSize); err != nil {
			bad.add("--bs %q: %v", p.BlockSize, err)
		}
		p.BlockSize = formatSize(int64(p.work.BlockSize))
	}
}

// checkRange reads the part of the LUN, the rate and the seed.
func (p *plan) checkRange(bad *problems) {
	var err error
	if p.size, err = parsePart(p.Size); err != nil {
		bad.add("--size %q: %v", p.Size, err)
	}
	if !(p.Rate >= 0 && p.Rate <= maxRate) || p.Rate > 0 && p.Rate < 1 {
		bad.add("--rate %v: want 1 to %d requests per second, or 0 for a closed loop", p.Rate, maxRate)
	}
	if p.Poisson && p.Rate == 0 {
		bad.add("--poisson: it needs a --rate")
	}
}

// checkSeed chooses a seed where none is given.
func (p *plan) checkSeed(bad *problems) {
	switch {
	case p.Seed != 0:
	case !p.Verify:
		p.Seed = 1
	case p.work.ReadPercent == 100:
		bad.add("--verify with --rw %s: it compares with what an earlier run wrote: want the --seed that this one shows", p.RW)
	default:
		var b [4]byte // short enough to be typed again
		_, _ = rand.Read(b[:])
		p.Seed = uint64(max(2, binary.LittleEndian.Uint32(b[:])))
	}
	p.work.Seed, p.work.Verify = p.Seed, p.Verify
}

// checkShape reads the sessions and connections, and how they run.
func (p *plan) checkShape(bad *problems) {
	within(bad, "--iodepth", p.IODepth, 1, maxDepth)
	if p.Poll < 0 || p.Poll > maxPoll {
		bad.add("--poll %v: want 0s to %v", p.Poll, maxPoll)
	}
	within(bad, "--numjobs", p.NumJobs, 1, maxSessions)
	within(bad, "--sessions", p.Sessions, 1, maxSessions)
	within(bad, "--connections", p.Connections, 1, maxConns)
	jobs, sessions, conns := max(p.NumJobs, 1), max(p.Sessions, 1), max(p.Connections, 1)
	p.NumJobs, p.Sessions, p.Connections = jobs, sessions, conns
	if p.all = jobs * sessions; jobs <= maxSessions && sessions <= maxSessions && p.all > maxSessions {
		bad.add("--numjobs %d with --sessions %d: that makes %d sessions, want at most %d", jobs, sessions, p.all, maxSessions)
	} else if conns <= maxConns && p.all <= maxSessions && p.all*conns > maxAll {
		bad.add("--numjobs %d with --sessions %d and --connections %d: that makes %d connections, want at most %d", jobs, sessions, conns, p.all*conns, maxAll)
	}
	p.Digests = cmp.Or(p.Digests, "none")
	if !slices.Contains([]string{"none", "header", "data", "both"}, p.Digests) {
		bad.add("--digests %q: want none, header, data or both", p.Digests)
	}
	p.keys.HeaderDigest = p.Digests == "header" || p.Digests == "both"
	p.keys.DataDigest = p.Digests == "data" || p.Digests == "both"
	allowed := host.CPUs()
	for i, cpu := range p.Cores {
		if !slices.Contains(allowed, cpu) {
			bad.add("--cores: CPU %d: this process may run on %s", cpu, result.CPUList(allowed))
		} else if slices.Contains(p.Cores[:i], cpu) {
			bad.add("--cores: CPU %d is listed twice", cpu)
		}
	}
	if len(p.Cores) > p.all*conns && p.all*conns > 0 {
		bad.add("--cores %s: %d CPUs for %d connections, and a connection stays on one", result.CPUList(p.Cores), len(p.Cores), p.all*conns)
	}
}

func (p *plan) checkTimes(bad *problems) {
	within(bad, "--runtime", p.Runtime, time.Millisecond, maxRuntime)
	within(bad, "--ramp-time", p.RampTime, time.Millisecond, maxRuntime)
	within(bad, "--idle", p.Idle, time.Millisecond, maxRuntime)
	within(bad, "--interval", p.Interval, minInterval, maxRuntime)
	if p.Runtime == 0 && p.RampTime > 0 {
		bad.add("--ramp-time %v with --runtime 0: the ramp would use up the requests that end such a run; want a --runtime", p.RampTime)
	}
}

// fill completes the workload for the initiator and the record.
func (p *plan) fill() {
	p.portal = p.url.Portal()
	p.newISID()
	w := &p.work
	w.LUN = initiator.LUN(p.url.LUN)
	w.Depth, w.Rate, w.Poisson = p.IODepth, p.Rate, p.Poisson
	w.Duration, w.Warmup, w.Poll = p.Runtime, p.RampTime, p.Poll
	if w.Interval = p.Interval; w.Interval == 0 {
		w.Interval = usualInterval
		if p.Runtime > 0 {
			w.Interval = min(w.Interval, max(p.Runtime/fewIntervals, minInterval))
		}
	}
	depth := p.IODepth
	if depth == 0 && p.Rate == 0 {
		depth = 1
	}
	p.record = result.Workload{
		RW: p.RW, ReadMix: w.ReadPercent, BlockSize: cmp.Or(p.BlockSplit, p.BlockSize), IODepth: depth, NumJobs: p.NumJobs, Sessions: p.Sessions, Conns: p.Connections,
		Rate: p.Rate, Digests: p.Digests, Verify: p.Verify, Runtime: p.Runtime, RampTime: p.RampTime, Cores: p.Cores, Poll: p.Poll,
	}
	if p.RW == "readwrite" {
		p.record.RW = "rw"
	}
}

// count returns how many requests a connection makes of size bytes, once through, when no runtime ends the run.
func (p *plan) count(size int64) uint64 {
	mean := float64(p.work.BlockSize)
	if len(p.work.Split) > 0 {
		mean = 0
		for _, s := range p.work.Split {
			mean += float64(s.Bytes) * float64(s.Percent) / 100
		}
	}
	return max(1, uint64(math.Ceil(float64(size)/mean/float64(p.all*p.Connections))))
}
