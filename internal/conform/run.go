package conform

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"runtime/debug"
	"syscall"
	"time"
)

// Verdict is how a case ended.
type Verdict string

// Verdicts.
const (
	Pass  Verdict = "pass"
	Fail  Verdict = "fail"
	Warn  Verdict = "warn"  // the target does not do what it SHOULD
	Skip  Verdict = "skip"  // it could not be tried on this target, for a reason
	Error Verdict = "error" // something that the case needs first did not work
)

// Verdicts are all of them.
var Verdicts = []Verdict{Pass, Fail, Warn, Skip, Error}

// Run is how cases are tried.
type Run struct {
	Target      *Target
	Variant     Variant
	Destructive bool          // cases may write to the unit
	Strict      bool          // a SHOULD counts like a MUST
	Timeout     time.Duration // of a case; 0: 5 s
	Total       time.Duration // of all; 0: 10 minutes
	Progress    func(Result)  // called after each case, always with its trace; may be nil
	// Restart starts a target again that a case has ended; nil: the rest is then not tried.
	Restart func(ctx context.Context) error
	isids   uint32
	random  [3]byte
}

// UnreachableError says that no case can be tried.
type UnreachableError struct{ Why string }

func (e *UnreachableError) Error() string { return e.Why }

// Do tries the cases one after the other. When the context ends or the target no longer answers, the rest ends with Error. The
// error is an *UnreachableError: nothing was tried.
func (r *Run) Do(ctx context.Context, cases []Case) (*Report, error) {
	if r.Timeout == 0 {
		r.Timeout = defaultTimeout
	}
	if r.Total == 0 {
		r.Total = defaultTotal
	}
	ctx, cancel := context.WithTimeout(ctx, r.Total)
	defer cancel()
	_, _ = rand.Read(r.random[:])
	rep := &Report{Target: r.Target, Variant: r.Variant, Destructive: r.Destructive, Strict: r.Strict, Started: time.Now()}
	if err := r.reach(ctx); err != nil {
		return nil, err
	}
	gone := ""
	for i := range cases {
		if gone == "" {
			gone = r.over(ctx)
		}
		res := Result{Case: &cases[i], Verdict: Error, Came: gone}
		if gone == "" {
			res, gone = r.try(ctx, &cases[i])
		}
		if r.Progress != nil {
			r.Progress(res)
		}
		rep.add(res)
	}
	rep.Time = time.Since(rep.Started)
	return rep, nil
}

// over says why no more is tried, "" if more is. The deadline counts by itself: a read ends by it before the context does.
func (r *Run) over(ctx context.Context) string {
	end, _ := ctx.Deadline()
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return "the run was ended"
	case !time.Now().Before(end):
		return fmt.Sprintf("the run has lasted %v", r.Total)
	}
	return ""
}

// try runs a case and looks whether the target has survived it. gone says that it has not.
func (r *Run) try(ctx context.Context, c *Case) (res Result, gone string) {
	if why := r.Target.missing(c.Needs, r.Destructive); why != "" {
		return Result{Case: c, Verdict: Skip, Came: why}, ""
	}
	start := time.Now()
	t, end := r.call(ctx, max(r.Timeout, c.Limit), func(t *T) { t.Case = c; c.Run(t) })
	res = Result{Case: c, Verdict: end.verdict, Due: end.due, Came: printable(end.came), Notes: t.notes, Time: time.Since(start)}
	if why := r.over(ctx); why != "" && end.verdict == Fail { // the time of the run was over, not the case's
		res.Verdict, res.Due, res.Came = Error, "", why
	}
	r.weigh(&res)
	if end.verdict != Skip {
		note, killed, lost := r.alive(ctx, grace)
		if killed {
			died(&res, note)
		}
		if lost {
			gone = r.restart(ctx, c)
		}
	}
	res.Trace = t.trace.events
	return res, gone
}

// died adds to a result that the target did not survive the case.
func died(res *Result, how string) {
	const due = "a target that still answers a login after the case"
	if res.Verdict == Pass || res.Due == "" {
		res.Due, res.Came = due, how
	} else {
		res.Due, res.Came = res.Due+"; and "+due, res.Came+"; and "+how
	}
	res.Verdict = Fail
}

// restart starts the target again after a case that has ended it. gone says that there is none.
func (r *Run) restart(ctx context.Context, c *Case) (gone string) {
	gone = "not tried: the target no longer answers since " + c.ID
	if r.Restart == nil {
		return gone
	}
	if err := r.Restart(ctx); err != nil {
		return fmt.Sprintf("%s, and starting it again failed: %v", gone, err)
	}
	if note, _, lost := r.alive(ctx, restartGrace); lost {
		return fmt.Sprintf("%s, although it was started again: %s", gone, note)
	}
	return ""
}

// weigh turns what a case found into a verdict by the level of its rule.
func (r *Run) weigh(res *Result) {
	if res.Verdict != Fail {
		return
	}
	switch {
	case res.Case.Level == May:
		res.Verdict = Pass
		res.Notes = append(res.Notes, fmt.Sprintf("the target does not use this liberty: %s", res.Came))
		res.Due, res.Came = "", ""
	case res.Case.Level == Should && !r.Strict:
		res.Verdict = Warn
	}
}

// call runs fn with a T of its own.
func (r *Run) call(ctx context.Context, limit time.Duration, fn func(*T)) (t *T, end *ending) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	deadline, _ := ctx.Deadline()
	t = &T{Target: r.Target, FirstCmdSN: 1, ctx: ctx, deadline: deadline, limit: limit, destructive: r.Destructive, variant: r.Variant, isids: &r.isids, random: r.random}
	undo := context.AfterFunc(ctx, func() {
		if errors.Is(ctx.Err(), context.Canceled) {
			t.interrupt()
		}
	})
	defer func() {
		undo()
		for _, c := range t.conns {
			c.Close()
		}
		if p := recover(); p != nil && p != any(t.end) {
			t.end = &ending{verdict: Error, came: fmt.Sprintf("a fault of the case: %v\n%s", p, debug.Stack())}
		}
		if end = t.end; end == nil {
			end = &ending{verdict: Pass}
		}
	}()
	fn(t)
	return t, nil
}

// alive logs in once more. note says what was odd. killed: the target refused connections or no longer answers; lost: it does so
// to the end.
func (r *Run) alive(ctx context.Context, grace time.Duration) (note string, killed, lost bool) {
	plain := *r
	plain.Variant = Variant{}
	start := time.Now()
	for {
		t, end := plain.call(ctx, r.Timeout, func(t *T) { t.LogIn() })
		refused := t.refused != nil && errors.Is(t.refused, syscall.ECONNREFUSED)
		killed = killed || refused
		if end.verdict == Pass {
			if killed {
				note = fmt.Sprintf("the target refused connections for %v", time.Since(start).Round(time.Millisecond))
			}
			r.isids = plain.isids
			return note, killed, false
		}
		if r.over(ctx) != "" {
			return "", false, false
		}
		note = end.came
		if time.Since(start) > grace {
			return note, true, true
		}
		select {
		case <-ctx.Done():
		case <-time.After(graceStep):
		}
	}
}
