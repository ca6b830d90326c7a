package run

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/ringtgt/ringtgt/bench/initiator"
	"github.com/ringtgt/ringtgt/internal/bench/result"
	"github.com/ringtgt/ringtgt/internal/host"
)

// plan is what Options mean: complete but for what only the target can tell.
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

// workload is one of fio's names: whether addresses are in order, and the percent of reads, -1 where rwmixread says it.
type workload struct {
	name       string
	sequential bool
	reads      int
}

var workloads = []workload{
	{"read", true, 100}, {"write", true, 0}, {"rw", true, -1}, {"readwrite", true, -1},
	{"randread", false, 100}, {"randwrite", false, 0}, {"randrw", false, -1},
}

// problems gathers what is wrong: flag, value, what is allowed.
type problems []string

func (p *problems) add(format string, args ...any) { *p = append(*p, fmt.Sprintf(format, args...)) }

// within holds a number against its bounds; 0 stands for the default.
func (p *problems) within(flag string, v, low, high int) {
	if v != 0 && (v < low || v > high) {
		p.add("%s %d: want %d to %d", flag, v, low, high)
	}
}

// span does the same to a time.
func (p *problems) span(flag string, v, low time.Duration) {
	if v != 0 && (v < low || v > maxRuntime) {
		p.add("%s %v: want %v to %v", flag, v, low, maxRuntime)
	}
}

// check says all that is wrong with the options as far as it shows without the target: a *UsageError.
func (o *Options) check() (*plan, error) {
	p := &plan{Options: *o}
	var bad problems
	p.checkTarget(&bad)
	p.checkLoad(&bad)
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
	var wrong []string
	p.chap, wrong = p.credentials(p.url)
	*bad = append(*bad, wrong...)
	if p.Initiator != "" {
		if err := checkName(p.Initiator); err != nil {
			bad.add("--initiator %q: %v", p.Initiator, err)
		}
	}
	if p.TargetPID < -1 {
		bad.add("--target-pid %d: want a process number, or -1 for none", p.TargetPID)
	}
}

// checkLoad reads the options that describe a request.
func (p *plan) checkLoad(bad *problems) {
	p.checkMix(bad)
	p.checkBlocks(bad)
	p.checkRange(bad)
}

// checkMix reads --rw and --rwmixread.
func (p *plan) checkMix(bad *problems) {
	p.RW = or(p.RW, "randread")
	known := slices.IndexFunc(workloads, func(w workload) bool { return w.name == p.RW })
	mixed := false
	if known < 0 {
		bad.add("--rw %q: want read, write, randread, randwrite, rw, readwrite or randrw", p.RW)
	} else {
		w := workloads[known]
		p.work.Sequential, p.work.ReadPercent = w.sequential, w.reads
		mixed = w.reads < 0
	}
	if p.ReadMix < 0 || p.ReadMix > 99 {
		bad.add("--rwmixread %d: want 1 to 99; all reads are --rw read, all writes --rw write", p.ReadMix)
	}
	if mixed {
		if p.ReadMix == 0 {
			p.ReadMix = 50
		}
		p.work.ReadPercent = p.ReadMix
	} else if p.ReadMix != 0 && known >= 0 {
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
		p.BlockSize = or(p.BlockSize, "4k")
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
	p.checkSeed(bad, p.work.ReadPercent == 100)
}

// checkSeed chooses a seed where none is given.
func (p *plan) checkSeed(bad *problems, onlyReads bool) {
	switch {
	case p.Seed != 0:
	case !p.Verify:
		p.Seed = 1
	case onlyReads:
		bad.add("--verify with --rw %s: it compares with what an earlier run wrote: want the --seed that this one shows", p.RW)
	default:
		var b [4]byte // short enough to be typed again
		_, _ = rand.Read(b[:])
		p.Seed = uint64(max(2, binary.LittleEndian.Uint32(b[:])))
	}
	p.work.Seed, p.work.Verify = p.Seed, p.Verify
}

// checkShape reads how many do it, and how.
func (p *plan) checkShape(bad *problems) {
	bad.within("--iodepth", p.IODepth, 1, maxDepth)
	if p.Poll < 0 || p.Poll > maxPoll {
		bad.add("--poll %v: want 0s to %v", p.Poll, maxPoll)
	}
	bad.within("--numjobs", p.NumJobs, 1, maxSessions)
	bad.within("--sessions", p.Sessions, 1, maxSessions)
	bad.within("--connections", p.Connections, 1, maxConns)
	jobs, sessions, conns := max(p.NumJobs, 1), max(p.Sessions, 1), max(p.Connections, 1)
	p.NumJobs, p.Sessions, p.Connections = jobs, sessions, conns
	if p.all = jobs * sessions; jobs <= maxSessions && sessions <= maxSessions && p.all > maxSessions {
		bad.add("--numjobs %d with --sessions %d: that are %d sessions, want at most %d", jobs, sessions, p.all, maxSessions)
	} else if conns <= maxConns && p.all <= maxSessions && p.all*conns > maxAll {
		bad.add("--numjobs %d with --sessions %d and --connections %d: that are %d connections, want at most %d", jobs, sessions, conns, p.all*conns, maxAll)
	}
	p.Digests = or(p.Digests, "none")
	switch p.Digests {
	case "none":
	case "header":
		p.keys.HeaderDigest = true
	case "data":
		p.keys.DataDigest = true
	case "both":
		p.keys.HeaderDigest, p.keys.DataDigest = true, true
	default:
		bad.add("--digests %q: want none, header, data or both", p.Digests)
	}
	allowed := host.CPUs()
	for i, cpu := range p.Cores {
		if !slices.Contains(allowed, cpu) {
			bad.add("--cores: CPU %d: this process may run on %s", cpu, list(allowed))
		} else if slices.Contains(p.Cores[:i], cpu) {
			bad.add("--cores: CPU %d stands there twice", cpu)
		}
	}
	if len(p.Cores) > p.all*conns && p.all*conns > 0 {
		bad.add("--cores %s: that are %d CPUs for %d connections, and a connection stays on one", list(p.Cores), len(p.Cores), p.all*conns)
	}
}

func (p *plan) checkTimes(bad *problems) {
	bad.span("--runtime", p.Runtime, time.Millisecond)
	bad.span("--ramp-time", p.RampTime, time.Millisecond)
	bad.span("--idle", p.Idle, time.Millisecond)
	bad.span("--interval", p.Interval, minInterval)
	if p.Runtime == 0 && p.RampTime > 0 {
		bad.add("--ramp-time %v with --runtime 0: the requests that end such a run would be those of the ramp; want a --runtime", p.RampTime)
	}
}

// fill makes of it what the initiator and the record take.
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
	mix := w.ReadPercent
	p.record = result.Workload{
		RW: p.RW, ReadMix: mix, BlockSize: p.BlockSize, IODepth: depth, NumJobs: p.NumJobs, Sessions: p.Sessions, Conns: p.Connections,
		Rate: p.Rate, Digests: p.Digests, Verify: p.Verify, Runtime: p.Runtime, RampTime: p.RampTime, Cores: p.Cores, Poll: p.Poll,
	}
	if p.RW == "readwrite" {
		p.record.RW = "rw"
	}
	if p.BlockSplit != "" {
		p.record.BlockSize = p.BlockSplit
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

func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func list(cpus []int) string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(cpus), " ", ","), "[]")
}
