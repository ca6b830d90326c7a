package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/pdu"
)

// glutton is an initiator's connection that takes as much of the daemon's memory as it can. It reads nothing after its login.
type glutton struct {
	t  *testing.T
	c  net.Conn
	sn uint32
	b  []byte
}

const gluttonTarget = "iqn.2026-11.io.ringtgt:memory"

func (g *glutton) add(h *pdu.BHS, data []byte) {
	h.SetDataLen(len(data))
	g.b = append(append(append(g.b, h[:]...), data...), make([]byte, pdu.Pad(len(data)))...)
}

// flush sends the queued bytes. The daemon may close the connection or stop reading.
func (g *glutton) flush() {
	g.c.SetWriteDeadline(time.Now().Add(2 * time.Second))
	g.c.Write(g.b)
	g.b = g.b[:0]
}

// login logs in; full: with as much text as is allowed.
func (g *glutton) login(portal, name string, isid int, full bool) bool {
	c, err := net.Dial("tcp", portal)
	if err != nil {
		g.t.Fatal(err)
	}
	g.c, g.sn = c, 1
	c.(*net.TCPConn).SetReadBuffer(4096)
	text := pdu.AppendText(nil, "InitiatorName", name)
	text = pdu.AppendText(text, "TargetName", gluttonTarget)
	text = pdu.AppendText(text, "InitialR2T", "Yes")
	text = pdu.AppendText(text, "MaxRecvDataSegmentLength", "262144")
	text = pdu.AppendText(text, "DefaultTime2Retain", "0")
	for k := 0; full && len(text) < 7900; k++ { // the longest text in the most pairs
		text = pdu.AppendText(text, fmt.Sprintf("X%d", k), "1")
	}
	for len(text) > 0 {
		n := min(len(text), 4096)
		var h pdu.BHS
		h.Init(pdu.OpLoginRequest)
		q := (*pdu.LoginRequest)(&h)
		q.SetImmediate(true)
		q.SetContinue(n < len(text))
		q.SetTransit(n == len(text))
		q.SetCSG(pdu.StageLoginOperationalNegotiation)
		if n == len(text) {
			q.SetNSG(pdu.StageFullFeaturePhase)
		}
		q.SetISID([6]byte{0x80, 0, byte(isid >> 16), byte(isid >> 8), byte(isid)})
		q.SetCmdSN(g.sn)
		g.add(&h, text[:n])
		g.flush()
		text = text[n:]
		if !g.loginAnswer() {
			return false
		}
	}
	return true
}

// loginAnswer reads Login Responses up to the one without the C bit.
func (g *glutton) loginAnswer() bool {
	for {
		var h pdu.BHS
		g.c.SetReadDeadline(time.Now().Add(patience))
		if _, err := io.ReadFull(g.c, h[:]); err != nil {
			g.t.Fatalf("login: %v", err)
		}
		io.CopyN(io.Discard, g.c, int64(h.DataLen()+pdu.Pad(h.DataLen())))
		p := (*pdu.LoginResponse)(&h)
		if p.Status() != 0 {
			g.t.Fatalf("login refused with %#x", uint16(p.Status()))
		}
		if !p.Continue() {
			return true
		}
		var next pdu.BHS // an empty request asks for the rest
		next.Init(pdu.OpLoginRequest)
		q := (*pdu.LoginRequest)(&next)
		q.SetImmediate(true)
		q.SetCSG(pdu.StageLoginOperationalNegotiation)
		q.SetISID(p.ISID())
		q.SetCmdSN(g.sn)
		g.add(&next, nil)
		g.flush()
	}
}

func (g *glutton) command(itt, sn uint32, write bool, n int) {
	var h pdu.BHS
	h.Init(pdu.OpSCSICommand)
	q := (*pdu.SCSICommand)(&h)
	q.SetFinal(true)
	q.SetAttr(pdu.TaskAttrSimple)
	q.SetRead(!write)
	q.SetWrite(write)
	h.SetITT(itt)
	q.SetExpectedDataTransferLength(uint32(n))
	q.SetCmdSN(sn)
	cdb := q.CDB()
	cdb[0] = 0x28
	if write {
		cdb[0] = 0x2a
	}
	binary.BigEndian.PutUint16(cdb[7:], uint16(n/512))
	g.add(&h, nil)
}

// gorge sends every kind of request at once: reads whose data it does not receive, so that responses queue; writes without
// data and pings of 8 KiB after a gap in CmdSN; text; immediate requests; and requests that are rejected.
func (g *glutton) gorge() {
	for k := range uint32(4) {
		g.command(1000+k, g.sn+k, false, 1<<20)
	}
	for k := range uint32(60) {
		g.command(2000+k, g.sn+5+k, true, 1<<20)
	}
	ping := make([]byte, 8192)
	for k := range uint32(62) {
		var h pdu.BHS
		h.Init(pdu.OpNOPOut)
		h.SetFinal(true)
		h.SetITT(3000 + k)
		q := (*pdu.NOPOut)(&h)
		q.SetTTT(pdu.ReservedTag)
		q.SetCmdSN(g.sn + 65 + k)
		g.add(&h, ping)
	}
	var text []byte
	for k := 0; len(text) < 8100; k++ {
		text = pdu.AppendText(text, fmt.Sprintf("X%d", k), "1")
	}
	var h pdu.BHS
	h.Init(pdu.OpTextRequest)
	h.SetFinal(true)
	h.SetITT(4000)
	q := (*pdu.TextRequest)(&h)
	q.SetTTT(pdu.ReservedTag)
	q.SetCmdSN(g.sn + 127)
	g.add(&h, text)
	for k := range uint32(31) {
		var h pdu.BHS
		h.Init(pdu.OpTaskManagementRequest)
		h.SetImmediate(true)
		h.SetFinal(true)
		h.SetITT(5000 + k)
		q := (*pdu.TaskManagementRequest)(&h)
		q.SetFunction(pdu.TMFAbortTaskSet)
		q.SetCmdSN(g.sn + 128)
		g.add(&h, nil)
	}
	for range 250 {
		var h pdu.BHS
		h.Init(pdu.OpSNACKRequest)
		h.SetFinal(true)
		g.add(&h, nil)
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
		g := &glutton{t: t}
		g.login(s.portal, "iqn.2026-11.test:gone", k, true)
		g.c.Close()
	}
	const crowd = 120
	all := make([]*glutton, crowd)
	for k := range all {
		all[k] = &glutton{t: t}
		all[k].login(s.portal, fmt.Sprint("iqn.2026-11.test:glutton", k%50), k, true)
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
	if worst > bound {
		t.Errorf("%d MiB were resident; the bound is %d MiB", worst>>20, bound>>20)
	}
	// One more initiator is served.
	g := &glutton{t: t}
	g.login(s.portal, "iqn.2026-11.test:good", 1<<20, false)
	for k := range uint32(2) { // the first gets a unit attention
		g.command(1+k, g.sn+k, false, 4096)
	}
	g.flush()
	var h pdu.BHS
	for h.ITT() != 2 {
		if _, err := io.ReadFull(g.c, h[:]); err != nil {
			t.Fatal(err)
		}
		io.CopyN(io.Discard, g.c, int64(h.DataLen()+pdu.Pad(h.DataLen())))
	}
	if h.Opcode() != pdu.OpDataIn || h.DataLen() != 4096 {
		t.Errorf("a good initiator's read is answered by %v with %d bytes", h.Opcode(), h.DataLen())
	}
	if n := len(s.status(t).Engine.Connections); n < crowd*9/10 {
		t.Errorf("it was served when %d of the others were left of %d: it had to wait for their end", n-1, crowd)
	}
	for _, g := range all {
		g.c.Close()
	}
	g.c.Close()
	s.stop(t)
}

// peak returns a process's peak resident set size.
func peak(t *testing.T, pid int) uint64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	var kb uint64
	fmt.Sscan(rest, &kb)
	return kb << 10
}
