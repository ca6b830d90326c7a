package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/internal/rawclient"
	"github.com/ringtgt/ringtgt/pdu"
)

// glutton is an initiator's connection that takes as much of the daemon's memory as it can. It reads nothing after its login.
type glutton struct {
	*rawclient.Client
	t *testing.T
	b []byte
}

const gluttonTarget = "iqn.2026-11.io.ringtgt:memory"

func (g *glutton) add(h *pdu.BHS, data []byte) { g.b = rawclient.Append(g.b, h, data) }

// flush sends the queued bytes. The daemon may close the connection or stop reading.
func (g *glutton) flush() {
	g.SetWriteDeadline(time.Now().Add(2 * time.Second))
	g.Write(g.b)
	g.b = g.b[:0]
}

// newGlutton logs in; full: with as much text as is allowed.
func newGlutton(t *testing.T, portal, name string, isid int, full bool) *glutton {
	c := must.Get(rawclient.Dial(portal, patience))(t)
	g := &glutton{Client: c, t: t}
	g.TCP().SetReadBuffer(4096)
	text := rawclient.Text("InitiatorName", name, "TargetName", gluttonTarget, "InitialR2T", "Yes",
		"MaxRecvDataSegmentLength", "262144", "DefaultTime2Retain", "0")
	for k := 0; full && len(text) < 7900; k++ { // the longest text in the most pairs
		text = pdu.AppendText(text, fmt.Sprintf("X%d", k), "1")
	}
	part := rawclient.Login{CSG: pdu.StageLoginOperationalNegotiation, ISID: [6]byte{0x80, 0, byte(isid >> 16), byte(isid >> 8), byte(isid)}, CmdSN: 1}
	for len(text) > 0 {
		n := min(len(text), 4096)
		l := part
		if l.Continue = n < len(text); !l.Continue {
			l.Transit, l.NSG = true, pdu.StageFullFeaturePhase
		}
		more := g.logIn(l, text[:n])
		for text = text[n:]; more; {
			more = g.logIn(part, nil) // an empty request asks for the rest of the answer
		}
	}
	return g
}

// logIn sends a Login Request and reports whether the C bit announces more of the answer.
func (g *glutton) logIn(l rawclient.Login, text []byte) (more bool) {
	p, err := g.LogIn(l, text)
	must.OK(g.t, err, "login")
	if p.Status() != 0 {
		g.t.Fatalf("login refused with %#x", uint16(p.Status()))
	}
	return p.Continue()
}

func (g *glutton) command(write bool, n int) {
	g.add(g.Command(0, rawclient.RW10(write, 0, uint16(n/512)), n, write), nil)
}

// gorge sends every kind of request at once: reads whose data it does not receive, so that responses queue; writes without
// data and pings of 8 KiB after a gap in CmdSN; text; immediate requests; and requests that are rejected.
func (g *glutton) gorge() {
	for range 4 {
		g.command(false, 1<<20)
	}
	g.CmdSN++ // the gap
	for range 60 {
		g.command(true, 1<<20)
	}
	ping := make([]byte, 8192)
	for range 62 {
		g.add(g.Next(pdu.OpNOPOut, false), ping)
	}
	var text []byte
	for k := 0; len(text) < 8100; k++ {
		text = pdu.AppendText(text, fmt.Sprintf("X%d", k), "1")
	}
	g.add(g.Next(pdu.OpTextRequest, false), text)
	for range 31 {
		g.add(g.Manage(pdu.TMFAbortTaskSet, 0, true).BHS(), nil)
	}
	for range 250 {
		g.add(rawclient.Request(pdu.OpSNACKRequest, 0, 0, 0), nil)
	}
	g.flush()
}

// The process stays below the bound that status prints while each of its terms is driven to its maximum at once: closed and open
// connections, the arena, tasks, requests after a gap, unread answers, text.
func TestMemoryStaysBelowTheBoundThatIsPrinted(t *testing.T) {
	path := t.TempDir() + "/disk"
	s := serve(t, nil, "--listen", "127.0.0.1:0", "--buffers", "4M", "--target", gluttonTarget,
		"--lun", "file:"+path+":64M")
	// Connections that come and go must leave nothing behind.
	for k := range 200 {
		newGlutton(t, s.portal, "iqn.2026-11.test:gone", k, true).Close()
	}
	const crowd = 120
	all := make([]*glutton, crowd)
	for k := range all {
		all[k] = newGlutton(t, s.portal, fmt.Sprint("iqn.2026-11.test:glutton", k%50), k, true)
	}
	worst, bound := uint64(0), uint64(0)
	look := func() {
		d := s.status(t).Daemon
		bound = d.ResidentBound
		worst = max(worst, d.Resident, peak(t, s.PID()))
	}
	for k, g := range all {
		g.gorge()
		if k%50 == 0 {
			look()
		}
	}
	look()
	st := s.status(t)
	tasks := 0
	for _, l := range st.Engine.Loops {
		tasks += l.Tasks
	}
	t.Logf("%d connections, %d tasks: at most %d MiB, %d MiB of it heap now; the bound is %d MiB", len(st.Engine.Connections), tasks,
		worst>>20, st.Daemon.HeapBytes>>20, bound>>20)
	if len(st.Engine.Connections) < crowd*9/10 || tasks < crowd*60 {
		t.Errorf("%d connections with %d tasks are left of %d: the bound was not tried", len(st.Engine.Connections), tasks, crowd)
	}
	check.That(t, worst <= bound, "%d MiB were resident; the bound is %d MiB", worst>>20, bound>>20)
	// One more initiator is served.
	g := newGlutton(t, s.portal, "iqn.2026-11.test:good", 1<<20, false)
	for range 2 { // the first gets a unit attention
		g.command(false, 4096)
	}
	g.flush()
	must.Get(g.Answer())(t)
	if a, err := g.Answer(); err != nil || a.Good() != nil || len(a.Data) != 4096 {
		t.Errorf("a good initiator's read is answered by status %#x with %d bytes, %v", a.Status, len(a.Data), err)
	}
	if n := len(s.status(t).Engine.Connections); n < crowd*9/10 {
		t.Errorf("it was served when %d of the others were left of %d: it had to wait for their end", n-1, crowd)
	}
	for _, g := range all {
		g.Close()
	}
	g.Close()
	s.stop(t)
}

// peak returns a process's peak resident set size.
func peak(t *testing.T, pid int) uint64 {
	text := must.Get(os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)))(t)
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	var kb uint64
	fmt.Sscan(rest, &kb)
	return kb << 10
}
