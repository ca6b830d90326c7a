package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ringtgt/ringtgt/bench/initiator"
	"github.com/ringtgt/ringtgt/internal/bench/result"
	"github.com/ringtgt/ringtgt/internal/host"
)

// parameter is an option that a sweep varies.
type parameter struct {
	name, short string
	bytes       bool // its values are sizes
	set         func(o *Options, v int64)
}

var parameters = []parameter{
	{"iodepth", "depth", false, func(o *Options, v int64) { o.IODepth = int(v) }},
	{"bs", "", true, func(o *Options, v int64) { o.BlockSize, o.BlockSplit = formatSize(v), "" }},
	{"connections", "", false, func(o *Options, v int64) { o.Connections = int(v) }},
	{"sessions", "", false, func(o *Options, v int64) { o.Sessions = int(v) }},
	{"numjobs", "", false, func(o *Options, v int64) { o.NumJobs = int(v) }},
	{"rate", "", false, func(o *Options, v int64) { o.Rate = float64(v) }},
}

func (p *parameter) parse(s string) (int64, error) {
	if p.bytes {
		return parseSize(s)
	}
	return parseCount(s)
}

func (p *parameter) format(n int64) string {
	if p.bytes {
		return formatSize(n)
	}
	return strconv.FormatInt(n, 10)
}

// parseSweep reads PARAMETER=LOW..HIGH, doubled from the low to the high one, which is always the last, and PARAMETER=V,V,V. The
// parameters are depth (or iodepth), bs, connections, sessions, numjobs and rate, whose k is a thousand.
func parseSweep(s string) (p *parameter, values []string, err error) {
	const allowed = "want PARAMETER=LOW..HIGH, doubled from step to step, or PARAMETER=VALUE,VALUE,...; PARAMETER is depth, bs, connections, sessions, " +
		"numjobs or rate; for example depth=1..128, bs=4k..1m, rate=10k,50k,100k"
	bad := func(format string, args ...any) (*parameter, []string, error) {
		return nil, nil, fmt.Errorf("--sweep %q: %s%s", s, fmt.Sprintf(format, args...), allowed)
	}
	name, text, ok := strings.Cut(s, "=")
	at := slices.IndexFunc(parameters, func(p parameter) bool { return name != "" && (name == p.name || name == p.short) })
	if !ok || at < 0 {
		return bad("")
	}
	p = &parameters[at]
	low, high, isRange := strings.Cut(text, "..")
	if !isRange {
		for v := range strings.SplitSeq(text, ",") {
			n, err := p.parse(v)
			if err != nil || n < 1 {
				return bad("value %q: ", v)
			}
			values = append(values, p.format(n))
		}
	} else {
		a, err := p.parse(low)
		b, err2 := p.parse(high)
		if err := errors.Join(err, err2); err != nil || a < 1 || b <= a {
			return bad("the range %s..%s: ", low, high)
		}
		for ; a < b; a *= 2 { // b is at most half of what an int64 holds
			values = append(values, p.format(a))
		}
		values = append(values, p.format(b))
	}
	if len(values) > maxSteps {
		return bad("%d steps, at most %d: ", len(values), maxSteps)
	}
	return p, values, nil
}

// parseCount reads a number of things: 200, 10k, 1.5M, in which k is a thousand.
func parseCount(s string) (int64, error) {
	v, err := ParseRate(s)
	if err != nil || v != float64(int64(v)) {
		return 0, fmt.Errorf("%q is not a whole number", s)
	}
	return int64(v), nil
}

// ParseRate reads requests a second: 800, 10k, 1.5M. k is a thousand: a rate is no size.
func ParseRate(s string) (float64, error) {
	digits, unit := s, 1.0
	switch {
	case strings.HasSuffix(s, "k"), strings.HasSuffix(s, "K"):
		digits, unit = s[:len(s)-1], 1e3
	case strings.HasSuffix(s, "m"), strings.HasSuffix(s, "M"):
		digits, unit = s[:len(s)-1], 1e6
	}
	v, err := strconv.ParseFloat(digits, 64)
	if err != nil || strings.ContainsAny(digits, "xXpPiInN_") || !(v >= 0 && v*unit <= maxRate) {
		return 0, fmt.Errorf("%q: want requests per second, such as 800 or 10k (a thousand), at most %d", s, maxRate)
	}
	return v * unit, nil
}

// ended says how a sweep ended at a point, whose run is nil if nothing was measured; "": it did not end there.
func ended(ctx context.Context, r *result.Run, err error, at string, point, of int) string {
	interrupted := ctx.Err() != nil
	switch {
	case interrupted && r != nil && r.Ended != initiator.EndedInterrupted && point == of: // too late
		return ""
	case interrupted && r != nil && r.Ended != initiator.EndedInterrupted:
		return fmt.Sprintf("interrupted after %s, point %d of %d", at, point, of)
	case interrupted:
		return fmt.Sprintf("interrupted at %s, point %d of %d, which is not complete", at, point, of)
	case err != nil:
		return fmt.Sprintf("ended by an error at %s, point %d of %d", at, point, of)
	}
	return ""
}

// Sweep carries out a benchmark for each value of a parameter (see parseSweep), in order, with sessions of its own for each. A
// point that fails ends the sweep, and so does ctx; with an error it returns the points that there are, nil if there is none.
func Sweep(ctx context.Context, o Options, series string) (*result.Sweep, error) {
	p, values, err := parseSweep(series)
	if err != nil {
		return nil, &UsageError{[]string{err.Error()}}
	}
	if o.Load == nil {
		before := host.Describe("").Load
		o.Load = &before
	}
	all := make([]Options, len(values))
	for i, v := range values { // before anything is sent
		n, _ := p.parse(v) // checked by parseSweep
		all[i] = o
		p.set(&all[i], n)
		if _, err := all[i].check(); err != nil {
			return nil, err
		}
	}
	s := &result.Sweep{Version: result.Version, Command: Redact(o.Command), Parameter: p.name}
	for i := range all {
		if o.Series != nil {
			o.Series(fmt.Sprintf("%s=%s, %d of %d", p.name, values[i], i+1, len(all)))
		}
		var r *result.Run
		if r, err = Do(ctx, all[i]); r != nil {
			s.Points = append(s.Points, result.Point{Value: values[i], Run: *r})
		}
		at := p.name + "=" + values[i]
		if s.Ended = ended(ctx, r, err, at, i+1, len(all)); s.Ended == "" {
			continue
		}
		if err != nil {
			err = fmt.Errorf("%s: %w", at, err)
		}
		break
	}
	if len(s.Points) == 0 {
		return nil, cmp.Or(err, ctx.Err())
	}
	s.Knee = result.FindKnee(s.Points)
	return s, err
}
