package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/control"
)

// The status of a daemon with one LUN that has done some reads: names, figures and a session, in 80 columns, the health first.
func TestStatusOfADaemon(t *testing.T) {
	s := serve(t, nil, "--listen", "127.0.0.1:0", "--lun", "mem:16M")
	s.load(t, 1000, 100)
	out, err := exec.Command("ringtgt", "status", "--control", s.control).CombinedOutput()
	must.OK(t, err, "%s", out)
	text := string(out)
	check.That(t, strings.HasPrefix(text, "health: good, 1 LUN\n"), "%s", text)
	l := &s.status(t).Targets[0].LUNs[0]
	must.Be(t, len(l.NAA) == 32 && len(l.ByID) == 2 && l.SerialNumber != "", "names: %+v", l)
	for _, want := range []string{l.ByID[0], l.SerialNumber, "since the start", "no sessions"} {
		check.That(t, strings.Contains(text, want), "no %q in\n%s", want, text)
	}
	for line := range strings.Lines(text) {
		check.That(t, utf8.RuneCountInString(line) <= columns+1, "%d columns: %s", utf8.RuneCountInString(line), line)
	}
	var st control.Status
	out, err = exec.Command("ringtgt", "status", "--json", "--control", s.control).Output()
	must.OK(t, err)
	must.OK(t, json.Unmarshal(out, &st))
	a := st.Targets[0].LUNs[0].Activity
	must.Be(t, a != nil, "no activity")
	if n := a.ReadIOPS * a.Seconds; n < 2000 || n > 2004 || a.WriteIOPS != 0 || a.P99Nanos <= 0 || a.Failed != 0 {
		t.Errorf("%.1f reads, %+v", n, a)
	}
}

// --watch shows the activity since the time before, and follows a daemon until it is interrupted.
func TestStatusWatch(t *testing.T) {
	s := serve(t, nil, "--listen", "127.0.0.1:0", "--lun", "mem:16M")
	watch := exec.Command("ringtgt", "status", "--watch", "100ms", "--json", "--control", s.control)
	out := must.Get(watch.StdoutPipe())(t)
	must.OK(t, watch.Start())
	defer watch.Wait() //nolint:errcheck // it is killed
	defer watch.Process.Kill()
	objects := json.NewDecoder(out)
	next := func() (st control.Status) {
		must.OK(t, objects.Decode(&st))
		return st
	}
	first := next()
	must.Be(t, first.Since == nil, "the first figures are those since %v, not since the start", first.Since)
	s.load(t, 1000, 100)
	for {
		st := next()
		must.Be(t, st.Since != nil, "figures since the start")
		if a := st.Targets[0].LUNs[0].Activity; a != nil && a.ReadIOPS > 0 {
			check.That(t, a.Seconds > 0 && a.ReadBytes > 0 && a.ReadBytes <= 4096*a.ReadIOPS, "%+v", a)
			break
		}
	}
	for st := next(); ; st = next() { // idle again
		if st.Targets[0].LUNs[0].Activity == nil {
			return
		}
	}
}

// On a terminal each text takes the place of the one before; elsewhere an empty line separates them.
func TestScreen(t *testing.T) {
	for _, tt := range []struct {
		terminal bool
		want     string
	}{{false, "one\n\ntwo\n"}, {true, "\x1b[2J\x1b[Hone\x1b[K\n\x1b[J\x1b[Htwo\x1b[K\n\x1b[J"}} {
		var b bytes.Buffer
		s := &screen{w: &b, terminal: tt.terminal}
		for _, text := range []string{"one\n", "two\n"} {
			must.OK(t, s.show(func(w io.Writer) { io.WriteString(w, text) }))
		}
		check.Equal(t, b.String(), tt.want, "screen")
	}
}

// Lines end at 80 columns between words; what is longer than a line loses its middle.
func TestWrap(t *testing.T) {
	var b strings.Builder
	wrap(&b, 4, strings.Repeat("seven77 ", 10)+strings.Repeat("x", 100), false)
	check.Equal(t, b.String(), "    "+strings.Repeat("seven77 ", 8)+"seven77\n    seven77\n    "+strings.Repeat("x", 37)+"…"+strings.Repeat("x", 38)+"\n", "wrapped")
	check.Equal(t, clip("äöüß", 4), "äöüß", "short text")
	check.Equal(t, clip("äöüßäöüß", 4), "ä…üß", "long text")
}

// The flags of status that exclude each other.
func TestStatusFlags(t *testing.T) {
	for want, c := range map[string]statusCmd{
		"":                               {Watch: true, Interval: benchTime(time.Second)},
		"an interval (1s) needs --watch": {Interval: benchTime(time.Second)},
		"--watch and --latency exclude each other":                {Watch: true, Latency: true},
		"the interval 1ms is shorter than 100ms":                  {Watch: true, Interval: benchTime(time.Millisecond)},
		"--watch takes its interval as an argument, not by --for": {Watch: true, For: time.Second},
	} {
		got := ""
		if err := c.check(); err != nil {
			got = err.Error()
		}
		check.Equal(t, got, want, "error")
	}
}
