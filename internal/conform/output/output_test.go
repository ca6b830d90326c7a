package output

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/conform"
	"github.com/ringtgt/ringtgt/internal/harness"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/internal/rawclient"
	"github.com/ringtgt/ringtgt/pdu"
)

// exchange is a login that is refused, a large write that is not kept whole, and a part of a PDU.
func exchange(local, remote string) []conform.Event {
	at := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	request := rawclient.Append(nil, rawclient.OneRequest([6]byte{0x80, 0, 0, 0, 0, 1}).Header(), rawclient.Text("InitiatorName", "iqn.2026-11.com.example:<b>", "HeaderDigest", "None", "Evil", "\x00\x1b[31m"))
	var h pdu.BHS
	h.Init(pdu.OpLoginResponse)
	(*pdu.LoginResponse)(&h).SetStatus(pdu.LoginNotFound)
	var n rawclient.Numbers
	write := rawclient.Append(nil, n.Command(0, rawclient.RW10(true, 0, 128), 64<<10, true), make([]byte, 64<<10))
	events := []conform.Event{
		{Kind: conform.Connected, Conn: 1, Local: local, Remote: remote},
		{Kind: conform.Sent, Conn: 1, Wire: request},
		{Kind: conform.Received, Conn: 1, Wire: rawclient.Append(nil, &h, nil)},
		{Kind: conform.Sent, Conn: 1, Wire: write[:1000], Length: len(write)},
		{Kind: conform.ReceivedPart, Conn: 1, Wire: h[:20]},
		{Kind: conform.ClosedByTarget, Conn: 1},
		{Kind: conform.ClosedByUs, Conn: 1},
	}
	for i := range events {
		events[i].At = at.Add(time.Duration(i) * time.Millisecond)
		if events[i].Length == 0 {
			events[i].Length = len(events[i].Wire)
		}
	}
	return events
}

func sample(local, remote string) *conform.Report {
	fail := &conform.Case{ID: "rfc7143/11.12/1", Title: "a login", Rule: "A login <is> a login.", Groups: []conform.Group{conform.Login}}
	r := &conform.Report{
		Target:  &conform.Target{Portal: remote, Name: "iqn.2026-11.com.example:t", User: "user", Secret: "verysecret1234"},
		Variant: conform.Variant{HeaderDigest: true}, Started: time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC), Time: 2 * time.Second,
	}
	r.Results = []conform.Result{
		{Case: fail, Verdict: conform.Fail, Due: "status 0x0000", Came: "status 0x0203 & <more> \x01\uFFFE", Notes: []string{"a note"}, Time: time.Second, Trace: exchange(local, remote)},
		{Case: &conform.Case{ID: "rfc7143/11.12/2", Title: "another", Rule: "Another."}, Verdict: conform.Pass},
		{Case: &conform.Case{ID: "rfc7143/13.1/1", Title: "a should", Rule: "It should.", Level: conform.Should}, Verdict: conform.Warn, Due: "a", Came: "b"},
		{Case: &conform.Case{ID: "rfc7143/13.1/2", Title: "skipped", Rule: "Skipped."}, Verdict: conform.Skip, Came: "no reason"},
		{Case: &conform.Case{ID: "rfc7143/13.1/3", Title: "not tried", Rule: "Not tried."}, Verdict: conform.Error, Came: "refused"},
	}
	return r
}

// JUnit's XML is well-formed whatever the messages hold, and its counts are those of its cases.
func TestJUnit(t *testing.T) {
	var b bytes.Buffer
	must.OK(t, JUnit(&b, sample("127.0.0.1:40000", "127.0.0.1:3260")))
	var got junitSuites
	must.OK(t, xml.Unmarshal(b.Bytes(), &got), "%s", b.String())
	check.That(t, got.Tests == 5 && got.Failures == 1 && got.Errors == 1 && got.Skipped == 1, "%+v", got)
	must.Be(t, len(got.Suites) == 2, "%d suites", len(got.Suites))
	s := got.Suites[0]
	check.That(t, s.Name == "rfc7143/11.12 Login Request" && s.Tests == 2 && s.Failures == 1 && s.Time == "1.000", "%+v", s)
	f := s.Cases[0].Failure
	must.Be(t, f != nil, "no failure: %+v", s.Cases[0])
	check.That(t, f.Type == "MUST" && strings.HasPrefix(f.Message, "due: status 0x0000; came: status 0x0203 & <more>"), "%+v", f)
	check.That(t, strings.Contains(f.Text, "A login <is> a login.") && strings.Contains(f.Text, "Login Response"), "%s", f.Text)
	s = got.Suites[1]
	check.That(t, s.Cases[0].Failure == nil && strings.Contains(s.Cases[0].Out, "warn"), "a warning: %+v", s.Cases[0])
	check.That(t, s.Cases[1].Skipped != nil && s.Cases[2].Error != nil, "%+v", s.Cases)
}

// JSON has the counts, each case, and the exchange of a failure field by field.
func TestJSON(t *testing.T) {
	var b bytes.Buffer
	must.OK(t, JSON(&b, sample("127.0.0.1:40000", "127.0.0.1:3260"), "v1"))
	var got document
	must.OK(t, json.Unmarshal(b.Bytes(), &got))
	check.That(t, got.Version == "v1" && !got.Conforms && got.Counts[conform.Fail] == 1 && len(got.Cases) == 5, "%+v", got)
	c := got.Cases[0]
	check.That(t, c.ID == "rfc7143/11.12/1" && c.Heading == "Login Request" && c.Level == "MUST" && c.Verdict == conform.Fail, "%+v", c)
	must.Be(t, len(c.Exchange) == 7, "%d steps", len(c.Exchange))
	check.That(t, c.Exchange[1].Name == "Login Request" && c.Exchange[1].Data[0] == "InitiatorName=iqn.2026-11.com.example:<b>", "%+v", c.Exchange[1])
	check.That(t, c.Exchange[3].Faults[0] == "1000 of 65584 bytes are kept", "%+v", c.Exchange[3].Faults)
	check.That(t, !strings.Contains(b.String(), "verysecret"), "it holds the secret")
}

// The page has each failure with its exchange, escaped, and loads nothing.
func TestHTML(t *testing.T) {
	var b bytes.Buffer
	must.OK(t, HTML(&b, sample("127.0.0.1:40000", "127.0.0.1:3260"), "v1"))
	page := b.String()
	for _, want := range []string{
		"Does not conform", `<article id="rfc7143/11.12/1">`, "A login &lt;is&gt; a login.", "status 0x0203 &amp; &lt;more&gt;", "a note", "0x0203 (not found)",
		"InitiatorName=iqn.2026-11.com.example:&lt;b&gt;", "skipped", "digests: header",
	} {
		check.That(t, strings.Contains(page, want), "the page has no %q", want)
	}
	for _, bad := range []string{"<script", "http://", "https://", "verysecret", "ZgotmplZ", "\x1b"} {
		check.That(t, !strings.Contains(page, bad), "the page has %q", bad)
	}
}

// wireshark reads the capture as iSCSI, over IPv4 and IPv6, and finds nothing wrong below it.
func TestCapture(t *testing.T) {
	tshark := harness.Need(t, "tshark", "tshark")
	for _, a := range [][2]string{{"127.0.0.1:40000", "127.0.0.1:13260"}, {"[fe80::1%lo]:40000", "[fe80::2%lo]:3260"}} {
		path := filepath.Join(t.TempDir(), "c.pcapng")
		f := must.Get(os.Create(path))(t)
		c := must.Get(NewCapture(f, "v1"))(t)
		r := sample(a[0], a[1])
		for _, res := range r.Results {
			must.OK(t, c.Add(res))
		}
		must.OK(t, c.Close())
		must.OK(t, f.Close())
		args := []string{"-r", path, "-o", "tcp.check_checksum:TRUE", "-T", "fields", "-E", "separator=|"}
		for _, f := range []string{"frame.len", "frame.cap_len", "frame.comment", "tcp.checksum.status", "_ws.malformed", "tcp.analysis.flags", "_ws.col.Info"} {
			args = append(args, "-e", f)
		}
		cmd := exec.Command(tshark, args...)
		cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
		text := string(must.Get(cmd.Output())(t))
		lines := strings.Split(strings.TrimSpace(text), "\n")
		must.Be(t, len(lines) == 3+1+1+5+1+2+2, "%d packets:\n%s", len(lines), text)
		for i, line := range lines {
			f := strings.SplitN(line, "|", 7)
			must.Be(t, len(f) == 7, "%q", line)
			check.Equal(t, f[0] != f[1], i >= 5 && i < 10, "packet %d is cut off:", i)
			check.Equal(t, f[2] != "", i == 0, "packet %d has a comment:", i)
			check.That(t, f[3] == "1" || i >= 5 && i < 10, "packet %d: the checksum is %q", i, f[3])
			check.That(t, f[4] == "" && f[5] == "", "packet %d: malformed %q, analysis %q", i, f[4], f[5])
		}
		check.That(t, strings.Contains(lines[0], "rfc7143/11.12/1 a login: fail"), "the comment: %s", lines[0])
		check.That(t, strings.Contains(lines[3], "Login Command") && strings.Contains(lines[4], "Login Response (Target not found"), "%s", text)
	}
}

// The terminal shows the rule, what was due, what came and the last steps.
func TestText(t *testing.T) {
	var b strings.Builder
	r := sample("127.0.0.1:40000", "127.0.0.1:3260")
	for _, res := range r.Results {
		Case(&b, res)
	}
	Sum(&b, r)
	for _, want := range []string{
		"fail  rfc7143/11.12/1      MUST   a login", "rule: A login <is> a login.", "due:  status 0x0000", "1 → sent Login Request I=1 data=72 T=1 CSG=1 NSG=3",
		"1 ← received Login Response CSG=0 NSG=0 ITT=0x00000000 Status=0x0203 (not found)", "why:  no reason", "5 cases in 2.0 s: 1 pass, 1 fail, 1 warn, 1 skip, 1 error",
	} {
		check.That(t, strings.Contains(b.String(), want), "there is no %q in\n%s", want, b.String())
	}
}
