package engine

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/internal/rawclient"
	"github.com/ringtgt/ringtgt/pdu"
	"github.com/ringtgt/ringtgt/session"
)

// eventLog is the log of a rig.
type eventLog struct {
	t testing.TB
	b *lockedBuffer
}

// newLoggedRig is a rig whose log is read by the test.
func newLoggedRig(t testing.TB, loops int) (*rig, eventLog) {
	b := new(lockedBuffer)
	r := newRigWith(t, Config{Cores: make([]int, loops), Log: slog.New(slog.NewJSONHandler(b, nil))}, quietNode, memory(t, 1<<20))
	return r, eventLog{t, b}
}

// lines returns the lines with a message.
func (l eventLog) lines(msg string) (found []map[string]any) {
	for line := range strings.Lines(l.b.String()) {
		m := map[string]any{}
		must.OK(l.t, json.Unmarshal([]byte(line), &m))
		if m["msg"] == msg {
			found = append(found, m)
		}
	}
	return found
}

// want waits for the n-th line with a message, and compares some of its attributes.
func (l eventLog) want(n int, msg string, attrs map[string]any) {
	l.t.Helper()
	waitFor(l.t, fmt.Sprintf("line %d that says %q", n, msg), func() bool { return len(l.lines(msg)) >= n })
	all := l.lines(msg)
	must.Be(l.t, len(all) == n, "%d lines say %q: %v", len(all), msg, all)
	for k, v := range attrs {
		if got := fmt.Sprint(all[n-1][k]); got != fmt.Sprint(v) {
			l.t.Errorf("%q has %s=%s; want %v: %v", msg, k, got, v, all[n-1])
		}
	}
	if remote, _ := all[n-1]["remote"].(string); !strings.HasPrefix(remote, "127.0.0.1:") {
		l.t.Errorf("%q has remote %q", msg, remote)
	}
}

// refuse tries to log in, and wants a status.
func (r *rig) refuse(want pdu.LoginStatus, keys ...string) {
	r.t.Helper()
	i := r.dial()
	p, err := i.LogIn(rawclient.OneRequest([6]byte{0x80, 0, 0, 0, 0, 99}), rawclient.Text(keys...))
	must.OK(r.t, err)
	check.Equal(r.t, p.Status(), want, "status")
	for i.Recv() == nil {
	}
}

// Each login, logout, refusal, loss and close is one line that says who, and counts.
func TestLoginLines(t *testing.T) {
	t.Parallel()
	r, log := newLoggedRig(t, 2)
	a := r.login(1)
	tsih := r.e.Sessions()[0].TSIH
	who := func(isid int, tsih uint16) map[string]any {
		return map[string]any{"initiator": fmt.Sprintf("iqn.2026-11.test:%d", isid), "target": testTarget, "tsih": tsih}
	}
	with := func(m map[string]any, k string, v any) map[string]any { m[k] = v; return m }
	log.want(1, "login", with(who(1, tsih), "of", "session"))
	j := r.join(2, 2)
	log.want(3, "login", map[string]any{"initiator": "iqn.2026-11.test:2", "of": "connection", "cid": 1})
	d := r.dial()
	d.operational(9, rawclient.Text("InitiatorName", "iqn.2026-11.test:9", "SessionType", "Discovery"))
	log.want(4, "login", map[string]any{"initiator": "iqn.2026-11.test:9", "target": "", "of": "discovery"})
	d.Conn.Close()
	log.want(1, "logout", map[string]any{"initiator": "iqn.2026-11.test:9", "reason": "closed by the initiator"})

	a.logOut()
	log.want(2, "logout", with(who(1, tsih), "reason", "logout"))
	r.login(1).Conn.Close()
	log.want(1, "connection lost", map[string]any{"initiator": "iqn.2026-11.test:1", "reason": "closed by the initiator"})
	_, err := r.e.LogOut(t.Context(), of(2), true)
	must.OK(t, err)
	log.want(2, "connection closed", map[string]any{"initiator": "iqn.2026-11.test:2", "reason": "shut down by the administrator"})
	j.conns[0].Conn.Close()
	b := r.login(3)
	c := r.login(3)
	log.want(1, "connection replaced", map[string]any{"initiator": "iqn.2026-11.test:3"})
	b.Conn.Close()
	_ = c

	r.refuse(pdu.LoginNotFound, "InitiatorName", "iqn.2026-11.test:8", "TargetName", testTarget+"x")
	log.want(1, "login refused", map[string]any{"initiator": "iqn.2026-11.test:8", "target": `"` + testTarget + `x"`, "refusal": "not_found",
		"status": "0x0203"})
	x := r.dial()
	x.Conn.Write(bytes.Repeat([]byte("GET / HTTP/1.1\r\n"), 4))
	log.want(2, "login refused", map[string]any{"refusal": "protocol"})
	r.dial().Conn.Close()

	waitFor(t, "the last connection to be abandoned", func() bool { return r.e.Status().Logins.Abandoned == 1 })
	s := r.e.Status().Logins
	want := LoginStats{Sessions: 5, Joins: 1, Discoveries: 1, Logouts: 2, Replaced: 1, Closed: 2, Losses: 1, Abandoned: 1, Refusals: s.Refusals}
	check.Equal(t, fmt.Sprint(s), fmt.Sprint(want), "the counters")
	for name, n := range s.Refusals {
		check.Equal(t, n, map[string]uint64{"not_found": 1, "protocol": 1}[name], "refusals: %s", name)
	}
	check.Equal(t, len(s.Refusals), int(session.Refusals)+1, "reasons")
}

// A session that waits for a connection in vain has a line of its own.
func TestExpiredSessionLine(t *testing.T) {
	t.Parallel()
	r, log := newLoggedRig(t, 1)
	i := r.login(1, "DefaultTime2Wait", "0", "DefaultTime2Retain", "1")
	i.Conn.Close()
	log.want(1, "connection lost", map[string]any{"initiator": "iqn.2026-11.test:1"})
	log.want(1, "session expired", map[string]any{"initiator": "iqn.2026-11.test:1", "target": testTarget,
		"reason": "no connection continued the session in time"})
	check.Equal(t, r.e.Status().Logins.Expired, 1, "expired")
}

// A scanner fills neither the log nor the counters' names: refusals beyond the burst are counted, and the next line says how many.
func TestRefusalLinesAreBounded(t *testing.T) {
	t.Parallel()
	log := eventLog{t, new(lockedBuffer)}
	r := newTimed(t, Config{Log: slog.New(slog.NewJSONHandler(log.b, nil))}, memory(t, 1<<20))
	total := 0
	scan := func(n int) {
		t.Helper()
		for range n {
			x := r.dial()
			x.Conn.Write(make([]byte, pdu.BHSLen))
			for x.Recv() == nil {
			}
			x.Conn.Close()
		}
		total += n
		waitFor(t, "the refusals to be counted", func() bool { return r.e.Status().Logins.Refusals["protocol"] == uint64(total) })
	}
	scan(refusalBurst + 20)
	check.Equal(t, len(log.lines("login refused")), refusalBurst, "lines at once:")
	r.now.Add(lineInterval / refusalLines)
	scan(3)
	lines := log.lines("login refused")
	check.Equal(t, len(lines), refusalBurst+1, "lines when there was time for one more:")
	check.Equal(t, fmt.Sprint(lines[refusalBurst]["left_out"]), "20", "what it says about those before:")
}
