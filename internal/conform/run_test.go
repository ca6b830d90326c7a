package conform_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/conform"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/internal/rawclient"
	"github.com/ringtgt/ringtgt/pdu"
)

// patience is the time of a case here: long enough for a login on a busy machine.
const patience = 1500 * time.Millisecond

func one(id string, l conform.Level, run func(*conform.T)) conform.Case {
	return conform.Case{ID: id, Title: "a test", Rule: "This is a rule.", Level: l, Groups: []conform.Group{conform.FFP}, Run: run}
}

// ask sends a ping that asks the fake for a misdeed.
func ask(t *conform.T, misdeed string) *conform.Conn {
	c := t.LogIn()
	c.Send(c.New(pdu.OpNOPOut, true), []byte(misdeed))
	return c
}

// Whatever a target does, a case ends, and says what came. None of this ends the run.
func TestHostileTargets(t *testing.T) {
	f := startFake(t)
	var sizes []int
	run := conform.Run{Target: f.target(), Timeout: patience, Progress: func(r conform.Result) {
		n := 0
		for _, e := range r.Trace {
			n += len(e.Wire)
		}
		sizes = append(sizes, n)
	}}
	await := func(c *conform.Conn) { c.Expect(pdu.OpTextResponse, "a Text Response") }
	all := []struct {
		misdeed, came string
		then          func(*conform.Conn)
	}{
		{"hang", "nothing came", await},
		{"close", "the target closed the connection", await},
		{"half", "the first 20 bytes of a PDU and then nothing", await},
		{"garbage", "announces 16777215 bytes", await},
		{"endless", " has ", await},
		{"endless", " has ", func(c *conform.Conn) { c.Closed("the connection's end") }},
		{"pings", "", await},
		{"hang", "did not close the connection", func(c *conform.Conn) { c.Ended("the connection's end") }},
		{"deaf", "it took nothing for 1.5s", func(c *conform.Conn) {
			for {
				c.SendRaw(make([]byte, 1<<20))
			}
		}},
		{"hello", "instead of", func(c *conform.Conn) {
			c.Ping("only the answer to the second ping") // the first one's comes
		}},
	}
	var cases []conform.Case
	for _, a := range all {
		cases = append(cases, one("rfc7143/6.3/1", conform.Must, func(t *conform.T) { a.then(ask(t, a.misdeed)) }))
	}
	cases = append(cases, one("rfc7143/6.3/2", conform.Must, func(t *conform.T) { t.LogIn().Ping("an answer") }))
	report := must.Get(run.Do(t.Context(), cases))(t)
	for i, a := range all {
		r := report.Results[i]
		check.That(t, r.Verdict == conform.Fail && strings.Contains(r.Came, a.came) && r.Due != "", "%s: %s; due: %s; came: %s", a.misdeed, r.Verdict, r.Due, r.Came)
		check.That(t, len(r.Trace) > 2, "%s: a trace of %d events", a.misdeed, len(r.Trace))
		check.That(t, sizes[i] <= 2<<20, "%s: a trace of %d bytes", a.misdeed, sizes[i])
	}
	last := report.Results[len(all)]
	check.That(t, last.Verdict == conform.Pass && last.Trace == nil, "the case after them: %s %s", last.Verdict, last.Came)
	check.That(t, !report.Conforms(), "the report conforms")
}

// A rule with SHOULD warns unless the run is strict, one with MAY never fails; a skipped case and a fault of the case itself are
// neither.
func TestVerdicts(t *testing.T) {
	wrong := func(t *conform.T) { t.Want(1 > 2, "something", "nothing\x1b[31m of %s", "it") }
	cases := []conform.Case{
		one("rfc7143/6.3/1", conform.Must, func(t *conform.T) { t.Note("seen") }),
		one("rfc7143/6.3/2", conform.Must, wrong),
		one("rfc7143/6.3/3", conform.Should, wrong),
		one("rfc7143/6.3/4", conform.May, wrong),
		one("rfc7143/6.3/5", conform.Must, func(t *conform.T) { t.Skip("no %s", "reason") }),
		one("rfc7143/6.3/6", conform.Must, func(*conform.T) { panic("oops") }),
		{ID: "rfc7143/6.3/7", Needs: conform.Writes, Run: wrong},
		{ID: "rfc7143/6.3/8", Needs: conform.ERL1, Run: wrong},
		{ID: "rfc7143/6.3/9", Needs: conform.Several | conform.Unit, Run: wrong},
		{ID: "rfc7143/6.3/10", Needs: conform.Credentials, Run: wrong},
	}
	f := startFake(t)
	for strict, want := range map[bool]string{
		false: "pass fail warn pass skip error skip skip skip skip", true: "pass fail fail pass skip error skip skip skip skip",
	} {
		run := conform.Run{Target: f.target(), Timeout: patience, Strict: strict}
		report := must.Get(run.Do(t.Context(), cases))(t)
		var got []string
		for _, r := range report.Results {
			got = append(got, string(r.Verdict))
		}
		check.Equal(t, strings.Join(got, " "), want, "verdicts, strict %v:", strict)
		r := report.Results
		check.Equal(t, strings.Join(r[0].Notes, ","), "seen", "notes")
		check.Equal(t, r[1].Came, "nothing\uFFFD[31m of it", "what came, without what a terminal would obey:")
		check.That(t, len(r[3].Notes) == 1, "MAY: notes %q", r[3].Notes)
		check.Equal(t, r[4].Came, "no reason", "why it was skipped")
		check.That(t, strings.Contains(r[5].Came, "oops"), "a fault of the case: %s", r[5].Came)
		check.Equal(t, r[7].Came, "the target grants ErrorRecoveryLevel=0", "why it was skipped")
	}
}

// A case that kills the target is named, and the ones after it are not tried.
func TestKilledTarget(t *testing.T) {
	f := startFake(t)
	run := conform.Run{Target: f.target(), Timeout: patience}
	report := must.Get(run.Do(t.Context(), []conform.Case{
		one("rfc7143/6.3/1", conform.May, func(t *conform.T) { ask(t, "die").Closed("the connection's end") }),
		one("rfc7143/6.3/2", conform.Must, func(t *conform.T) { t.Dial() }),
	}))(t)
	first, second := report.Results[0], report.Results[1]
	check.That(t, first.Verdict == conform.Fail && strings.Contains(first.Came, "cannot be reached"), "%s: %s", first.Verdict, first.Came)
	check.That(t, second.Verdict == conform.Error && strings.Contains(second.Came, "no longer answers since rfc7143/6.3/1"), "%s: %s", second.Verdict, second.Came)
}

// A target that is started again is tried further; the case that ended it has failed all the same.
func TestRestart(t *testing.T) {
	f := startFake(t)
	starts := 0
	run := conform.Run{Target: f.target(), Timeout: patience, Restart: func(context.Context) error {
		starts++
		if starts == 2 {
			return errors.New("no second time")
		}
		f.listen(t)
		return nil
	}}
	die := func(t *conform.T) { ask(t, "die").Closed("the connection's end") }
	report := must.Get(run.Do(t.Context(), []conform.Case{
		one("rfc7143/6.3/1", conform.Must, die), one("rfc7143/6.3/2", conform.Must, func(t *conform.T) { t.LogIn().Ping("an answer") }),
		one("rfc7143/6.3/3", conform.Must, die), one("rfc7143/6.3/4", conform.Must, func(*conform.T) { t.Error("it was tried") }),
	}))(t)
	for i, want := range []conform.Verdict{conform.Fail, conform.Pass, conform.Fail, conform.Error} {
		check.Equal(t, report.Results[i].Verdict, want, "case %d: %s:", i, report.Results[i].Came)
	}
	check.That(t, strings.Contains(report.Results[3].Came, "no second time"), "%s", report.Results[3].Came)
}

// Without a target nothing is tried, and the error says so.
func TestUnreachable(t *testing.T) {
	f := startFake(t)
	f.stop()
	run := conform.Run{Target: f.target(), Timeout: patience}
	_, err := run.Do(t.Context(), []conform.Case{one("rfc7143/6.3/1", conform.Must, func(*conform.T) { t.Error("it was tried") })})
	check.That(t, errors.As(err, new(*conform.UnreachableError)), "%v", err)
}

// The end of the context ends a case that waits, and those after it are not tried.
func TestInterrupt(t *testing.T) {
	f := startFake(t)
	ctx, cancel := context.WithCancel(t.Context())
	run := conform.Run{Target: f.target(), Timeout: time.Hour}
	report := must.Get(run.Do(ctx, []conform.Case{
		one("rfc7143/6.3/1", conform.Must, func(t *conform.T) {
			c := ask(t, "hang")
			cancel()
			c.Recv("an answer")
		}),
		one("rfc7143/6.3/2", conform.Must, func(*conform.T) { t.Error("it was tried") }),
	}))(t)
	for _, r := range report.Results {
		check.That(t, r.Verdict == conform.Error && strings.Contains(r.Came, "the run was ended"), "%s: %s; %s", r.Verdict, r.Due, r.Came)
	}
}

// The time of a run bounds it, and a case that it cuts short is no failure of the target's.
func TestTotal(t *testing.T) {
	f := startFake(t)
	run := conform.Run{Target: f.target(), Timeout: time.Hour, Total: 2 * patience}
	report := must.Get(run.Do(t.Context(), []conform.Case{
		one("rfc7143/6.3/1", conform.Must, func(t *conform.T) { ask(t, "hang").Recv("an answer") }),
		one("rfc7143/6.3/2", conform.Must, func(*conform.T) { t.Error("it was tried") }),
	}))(t)
	for _, r := range report.Results {
		check.That(t, r.Verdict == conform.Error && r.Came == "the run has lasted 3s" && r.Due == "", "%s: %s; %s", r.Verdict, r.Due, r.Came)
	}
}

// Without leave to write no command that may change the unit gets to the target, however it is sent.
func TestNothingIsWritten(t *testing.T) {
	f := startFake(t)
	var cases []conform.Case
	for _, op := range []byte{0x2a, 0x0a, 0x8a, 0xaa, 0x42, 0x41, 0x93, 0x04, 0x5f, 0x16, 0x55, 0x15, 0x89, 0x83, 0x7f, 0x48, 0x9e, 0xff} {
		cases = append(cases, one("rfc7143/6.3/1", conform.Must, func(t *conform.T) {
			t.LogIn().Do([]byte{op, 0x14}, 0)
		}), one("rfc7143/6.3/2", conform.Must, func(t *conform.T) { // in pieces, behind another PDU
			c := t.LogIn()
			ping := rawclient.Append(nil, c.New(pdu.OpNOPOut, true), []byte("12345"))
			wire := rawclient.Append(ping, c.Command([]byte{op, 0x14}, conform.NoData, 0).BHS(), nil)
			for len(wire) > 0 {
				n := min(7, len(wire))
				c.SendRaw(wire[:n])
				wire = wire[n:]
			}
			c.Recv("an answer to the ping")
			c.Recv("an answer to the command")
		}))
	}
	cases = append(cases, one("rfc7143/6.3/3", conform.Must, func(t *conform.T) {
		if r := t.LogIn().Do(conform.Read10(0, 1), 512); !r.Good() {
			t.Fail("GOOD", "%v", r)
		}
	}))
	run := conform.Run{Target: f.target(), Timeout: patience}
	report := must.Get(run.Do(t.Context(), cases))(t)
	for i, r := range report.Results[:len(cases)-1] {
		check.That(t, r.Verdict == conform.Skip && strings.Contains(r.Came, "--destructive"), "%d: %s: %s", i, r.Verdict, r.Came)
	}
	check.Equal(t, report.Results[len(cases)-1].Verdict, conform.Pass, "a read")
	for _, op := range f.codes() {
		check.That(t, op == 0x00 || op == 0x25 || op == 0x28, "the target got operation code %02Xh", op)
	}
}

// A selector is an ID, a section with those below it, or a group.
func TestSelect(t *testing.T) {
	all := []conform.Case{
		{ID: "rfc7143/6.3/1", Groups: []conform.Group{conform.Login}}, {ID: "rfc7143/6.3/10"}, {ID: "rfc7143/6.3.1/1", Groups: []conform.Group{conform.ER}},
		{ID: "rfc7143/6.30/1"}, {ID: "rfc7144/6.3/1", Groups: []conform.Group{conform.TMF, conform.ER}},
	}
	for selectors, want := range map[string]string{
		"": "01234", "rfc7143/6.3/1": "0", "rfc7143/6.3": "012", "rfc7143/6.3/": "012", "rfc7143": "0123", "er": "24", "Login TMF": "04", "rfc7144/6 rfc7143/6.30": "34",
	} {
		some, err := conform.Select(all, strings.Fields(selectors))
		got := ""
		for _, c := range some {
			for i := range all {
				if all[i].ID == c.ID {
					got += string(rune('0' + i))
				}
			}
		}
		check.That(t, err == nil && got == want, "%q: %s, %v, want %s", selectors, got, err, want)
	}
	_, err := conform.Select(all, []string{"Login", "rfc7143/9"})
	check.That(t, err != nil && strings.Contains(err.Error(), `"rfc7143/9"`), "%v", err)
}
