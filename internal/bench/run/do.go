package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ringtgt/ringtgt/bench/initiator"
	"github.com/ringtgt/ringtgt/internal/bench/result"
	"github.com/ringtgt/ringtgt/internal/host"
)

// Do runs a benchmark. Canceling ctx ends the run; the result then covers what was measured so far.
//
// A result with an error means that the measurement is complete but something failed: a connection was lost, requests failed, or
// data did not compare. No result means that nothing was measured: the options are wrong (a *UsageError), the target is
// unreachable or refuses, or ctx was canceled before the measured part (ctx's error).
func Do(ctx context.Context, o Options) (*result.Run, error) {
	p, err := o.check()
	if err != nil {
		return nil, err
	}
	r := &result.Run{Version: result.Version, Command: Redact(o.Command), Client: host.Describe(o.Version)}
	if o.Load != nil {
		r.Client.Load = *o.Load
	}
	if err = p.do(ctx, r); err != nil && r.Started.IsZero() {
		return nil, cmp.Or(ctx.Err(), err)
	}
	return r, err
}

// Fill writes the whole LUN at a URL once, so that reads find data: blocks that were never written come from one page of zeroes, or
// from a hole in a file, and are faster than any disk.
func Fill(ctx context.Context, url string) error {
	_, err := Do(ctx, Options{URL: url, TargetPID: -1, RW: "write", BlockSize: "256k", IODepth: 8})
	return errors.Join(err, ctx.Err())
}

// do fills r. It sets r.Started once there is a measurement.
func (p *plan) do(ctx context.Context, r *result.Run) error {
	p.stage("looking at the target")
	soon, cancel := context.WithTimeout(ctx, dialTimeout)
	target, portal, err := p.probe(soon)
	cancel()
	if err != nil {
		return err
	}
	p.portal = portal.String()
	pid, why := p.process(portal)
	if r.Target = target; pid != 0 {
		r.Target.PID, r.Target.Software, r.Target.Kernel = pid, host.Name(pid), r.Client.Kernel
	}
	ls, err := p.login(ctx)
	if err != nil {
		return err
	}
	defer ls.Close()
	if err := p.granted(ls); err != nil {
		return err
	}
	r.Target.Negotiated = negotiated(ls.Sessions()[0].Params())
	if err := p.touch(ctx, ls); err != nil {
		return err
	}
	if p.Idle > 0 && pid != 0 {
		if r.Target.IdleCPU, err = p.idle(ctx, ls, pid); err != nil {
			return err
		}
	} else if p.Idle > 0 {
		r.Notes = append(r.Notes, "no idle CPU: it takes the target's process")
	}
	if p.Verify && p.work.ReadPercent > 0 && p.work.ReadPercent < 100 {
		if err := p.prepare(ctx, ls); err != nil {
			return err
		}
	}
	r.Workload = p.record
	r.Workload.Seed = p.Seed
	if why != "" {
		r.Notes = append(r.Notes, why)
	}

	return p.measure(ctx, ls, pid, r)
}

func (p *plan) stage(format string, args ...any) {
	if p.Stage != nil {
		p.Stage(fmt.Sprintf(format, args...))
	}
}

// login makes the sessions.
func (p *plan) login(ctx context.Context) (*initiator.Loops, error) {
	p.stage("logging in: %s of %s", result.Plural(p.all, "session"), result.Plural(p.Connections, "connection"))
	ctx, cancel := context.WithTimeout(ctx, dialTimeout+time.Duration(p.all)*time.Second/logins)
	defer cancel()
	ls, err := initiator.NewLoops(ctx, initiator.LoopsConfig{Sessions: p.open(), CPUs: p.Cores})
	if err != nil {
		return nil, p.explain(err)
	}
	return ls, nil
}

// touch sends one read over each connection to clear the unit attentions of the new nexuses (SAM-5 5.14), which are not part of
// the load.
func (p *plan) touch(ctx context.Context, ls *initiator.Loops) error {
	w := p.work
	w.ReadPercent, w.Depth, w.Count, w.Duration, w.Warmup, w.Rate, w.Poisson, w.Interval, w.Verify = 100, 1, 1, 0, 0, 0, false, 0, false
	if _, err := ls.Run(ctx, w); err != nil {
		return fmt.Errorf("%s: %s", p.url, plain(err))
	}
	return ctx.Err()
}

// idle measures the share of a CPU that the target uses with no requests.
func (p *plan) idle(ctx context.Context, ls *initiator.Loops, pid int) (*float64, error) {
	p.stage("idle for %v", p.Idle)
	if err := ls.Idle(ctx, settle); err != nil {
		return nil, err
	}
	before, err := host.CPUTime(pid)
	began := time.Now()
	if err != nil {
		return nil, err
	}
	if err := ls.Idle(ctx, p.Idle); err != nil {
		return nil, err
	}
	after, err := host.CPUTime(pid)
	if err != nil {
		return nil, err
	}
	share := (after - before).Seconds() / time.Since(began).Seconds()
	return &share, nil
}

// prepare writes the whole range, so that the reads of a mixed load have data to compare with.
func (p *plan) prepare(ctx context.Context, ls *initiator.Loops) error {
	p.stage("writing %s to verify", formatSize(p.work.Last))
	w := p.work.Fill(ls.Connections())
	w.Interval = 0
	r, err := ls.Run(ctx, w)
	if err == nil {
		err = r.Err()
	}
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("writing what is to be verified: %s", plain(err))
	}
	return nil
}

// measure runs the ramp and the measured part.
func (p *plan) measure(ctx context.Context, ls *initiator.Loops, pid int, r *result.Run) error {
	if p.RampTime > 0 {
		p.stage("ramp: %v", p.RampTime)
	}
	w := p.work
	w.OnInterval = p.progress()
	var cpu *sampler
	if pid != 0 {
		cpu = newSampler(pid)
	}
	report, err := ls.Run(ctx, w)
	if cpu != nil {
		cpu.end()
	}
	if report == nil {
		return err
	}
	if ctx.Err() != nil && report.Elapsed == 0 { // in the ramp
		return ctx.Err()
	}
	p.gather(r, report)
	if cpu != nil {
		took, cerr := cpu.between(report.Started, report.Started.Add(report.Elapsed))
		if cerr == nil {
			r.Target.CPU = &took
		} else {
			r.Notes = append(r.Notes, "no processor time of the target: "+cerr.Error())
		}
	}
	p.notes(r, report, ls.Sessions())
	if err == nil && p.Verify && p.work.ReadPercent == 0 && ctx.Err() == nil {
		return errors.Join(failed(report), p.readBack(ctx, ls, r))
	}
	if err != nil {
		return errors.New(plain(err))
	}
	return failed(report)
}

// readBack compares the data of a run that only wrote.
func (p *plan) readBack(ctx context.Context, ls *initiator.Loops, r *result.Run) error {
	p.stage("reading back what was written")
	back, err := ls.ReadBack(ctx)
	if err != nil {
		return fmt.Errorf("reading back: %s", plain(err))
	}
	read, refused := back.Read(), ""
	if n := r.Total.Errors; n > 0 {
		refused = fmt.Sprintf(", without the %s that failed", result.Plural(int(n), "write"))
	}
	r.Total.Errors += read.Errors
	if ctx.Err() != nil {
		r.Notes = append(r.Notes, fmt.Sprintf("reading back was interrupted after %d requests", read.Requests))
	} else {
		r.Notes = append(r.Notes, fmt.Sprintf("%d requests were read back and compared, %d of them in error", read.Requests, read.Errors)+refused)
	}
	return failed(back)
}

// failed is the error of a run whose requests failed.
func failed(r *initiator.Report) error {
	n := r.Read().Errors + r.Write().Errors
	if err := r.Err(); err != nil {
		if n == 0 { // a connection was lost with none under way
			return errors.New(plain(err))
		}
		return fmt.Errorf("%s failed; the first: %s", result.Plural(int(n), "request"), plain(err))
	}
	return nil
}

// progress merges the run's intervals into ones of about half a second, slow enough to read.
func (p *plan) progress() func(initiator.Interval) {
	if p.Progress == nil {
		return nil
	}
	var sum result.Interval
	return func(i initiator.Interval) {
		if sum.Latency.Histogram == nil {
			sum.Latency.Histogram = new(initiator.Histogram)
		}
		sum.At, sum.Length, sum.Behind = i.At, sum.Length+i.Length, i.Behind
		sum.Reads += i.Reads
		sum.Writes += i.Writes
		sum.Bytes += i.Bytes
		sum.Latency.Merge(i.Latency)
		if sum.Length < usualInterval && (p.Runtime == 0 || sum.At < p.Runtime) && p.first {
			return
		}
		p.first = true
		left := time.Duration(-1)
		if p.Runtime > 0 {
			left = max(p.Runtime-sum.At, 0)
		}
		p.Progress(sum, left)
		sum = result.Interval{}
	}
}
