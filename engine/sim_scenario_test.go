package engine

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/pdu"
	"github.com/ringtgt/ringtgt/session"
)

// TestScenarios plays the scripts in testdata/scenarios in a simulation without faults: nothing is late unless the script says
// so, and after each line the world runs until it is idle. The oracle checks as usual. docs/testing.md lists the commands.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/scenarios/*.txt")
	if err != nil || len(files) < 15 {
		t.Fatalf("%d scenarios: %v", len(files), err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".txt"), func(t *testing.T) { playScenario(t, f) })
	}
}

// scenario is a script being played.
type scenario struct {
	*simWorld
	file  string
	line  int
	text  string
	sess  *simSession
	keys  []string            // of the login
	conns map[string]*simConn // by CID, and by the name after "as"
	names map[string]*simCmd
	itt   uint32
	seen  int // of order
}

// words is a line split into words and key=value pairs.
type words struct {
	s    *scenario
	list []string
	opts map[string]string
}

func playScenario(t *testing.T, file string) {
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := newScenario(filepath.Base(file))
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		s.line++
		s.play(t, lines.Text())
	}
	s.end()
}

// play executes a line, then runs the world until it is idle.
func (s *scenario) play(t *testing.T, line string) {
	w := s.parse(line)
	switch {
	case len(w.list) == 0:
	case s.simWorld == nil && w.list[0] != "session":
		t.Fatalf("%s:%d: a story begins with session", s.file, s.line)
	case s.simWorld == nil:
		s.begin(t, w)
	default:
		s.do(w)
		s.settle()
	}
}

func (s *scenario) parse(line string) *words {
	text, _, _ := strings.Cut(line, "#")
	s.text = strings.TrimSpace(text)
	w := &words{s: s, opts: map[string]string{}}
	for _, word := range strings.Fields(s.text) {
		if k, v, ok := strings.Cut(word, "="); ok {
			w.opts[k] = v
		} else {
			w.list = append(w.list, strings.TrimSuffix(word, ":"))
		}
	}
	return w
}

func newScenario(file string) *scenario {
	return &scenario{file: file, conns: map[string]*simConn{}, names: map[string]*simCmd{}, itt: 0x100}
}

func (s *scenario) fail(format string, args ...any) {
	s.Helper()
	s.Fatalf("%s:%d: %s: %s\n%s", s.file, s.line, s.text, fmt.Sprintf(format, args...), s.describe())
}

// opt returns a numeric option.
func (w *words) opt(key string, def int) int {
	v, ok := w.opts[key]
	if !ok {
		return def
	}
	n, err := strconv.ParseInt(v, 0, 64)
	if err != nil {
		w.s.fail("%v", err)
	}
	return int(n)
}

func (w *words) has(word string) bool { return slices.Contains(w.list, word) }

// begin executes "session [loops=2] [window=8] [conns=2]", followed by keys for the login.
func (s *scenario) begin(t *testing.T, w *words) {
	s.simWorld = newSimWorld(t, w.opt("loops", 2), simConfig{}, session.Limits{Window: w.opt("window", 8)}, nil)
	s.verbose = testing.Verbose()
	s.busy, s.noMemory = w.opts["helpers"] == "hold", w.opts["memory"] == "none"
	s.onPDU = s.take
	s.open(w)
	for i := 1; i <= w.opt("conns", 2); i++ {
		s.connect(strconv.Itoa(i), uint16(i), i)
		s.settle()
		if i == 1 {
			s.ready(s.conns["1"])
		}
	}
}

// ready clears the unit attentions of a new nexus, with commands that the script does not see.
func (s *scenario) ready(c *simConn) {
	if c.state != simFull {
		return
	}
	for lun := range uint64(simUnits) {
		b := c.header(pdu.OpSCSICommand, 0x7000+uint32(lun), true)
		b.SetLUN(lun << 48)
		cmd := &simCmd{kind: simTest, conn: c, h: b, lun: lun}
		c.transmit(c.stamped(c.encode(&b, nil)), cmd) // TEST UNIT READY
	}
	s.settle()
	c.got = slices.DeleteFunc(c.got, func(x wire) bool { return x.h.Opcode() == pdu.OpSCSIResponse && x.h.ITT()&^3 == 0x7000 })
}

// open creates the initiator's session and logs in its first connection.
func (s *scenario) open(w *words) {
	first := uint32(w.opt("first", 1))
	s.sess = &simSession{w: s.simWorld, isid: [6]byte{0x80, 1, 2, 3, 4, 5}, cmdSN: first, first: first, exp: first, max: first - 1, cmds: map[uint32]*simCmd{}}
	s.keys = []string{"MaxConnections", "8", "InitialR2T", "Yes", "ImmediateData", "Yes", "DefaultTime2Wait", "2", "DefaultTime2Retain", "20"}
	for k, v := range w.opts {
		if i := slices.Index(s.keys, k); i >= 0 {
			s.keys[i+1] = v
		} else if !slices.Contains([]string{"loops", "window", "conns", "first", "cid", "as", "helpers", "memory"}, k) {
			s.keys = append(s.keys, k, v)
		}
	}
}

func (s *scenario) connect(name string, cid uint16, loop int) {
	var keys []string
	if s.sess.tsih == 0 {
		keys = s.keys
	}
	c := s.sess.connect(cid, loop%len(s.loops), keys...)
	s.conns[name] = c
}

// settle runs the world until nothing can happen without time passing.
func (s *scenario) settle() {
	for n := 0; ; n++ {
		if n > 100000 {
			s.fail("it never comes to rest")
		}
		s.step++
		moved := s.loopStep() || s.kernelStep()
		for _, c := range s.all() {
			moved = c.read() || moved
		}
		if !moved {
			(&simulation{simWorld: s.simWorld}).quiet()
			return
		}
	}
}

// all returns the connections in a fixed order.
func (s *scenario) all() []*simConn {
	var all []*simConn
	for _, c := range s.conns {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b *simConn) int { return a.sock.id - b.sock.id })
	return all
}

// take keeps an arriving PDU for the script. It answers a NOP-In that asks for an answer.
func (s *scenario) take(c *simConn, x wire) {
	if x.h.Opcode() == pdu.OpNOPIn && x.h.ITT() == pdu.ReservedTag {
		if ttt := (*pdu.NOPIn)(&x.h).TTT(); ttt != pdu.ReservedTag && !c.mute {
			s.ack(c, ttt)
		}
		return
	}
	if x.h.Opcode() == pdu.OpLoginResponse && c.status == pdu.LoginSuccess && !c.asked {
		return
	}
	c.got = append(c.got, x)
}

// ack sends a NOP-Out that asks for no answer and carries ExpStatSN.
func (s *scenario) ack(c *simConn, ttt uint32) {
	b := c.header(pdu.OpNOPOut, pdu.ReservedTag, true)
	(*pdu.NOPOut)(&b).SetTTT(ttt)
	c.transmit(c.stamped(c.encode(&b, nil)), nil)
}

// end logs everything out and checks that nothing is left.
func (s *scenario) end() {
	s.text = "the end"
	for name, c := range s.conns {
		if len(c.got) > 0 && c.state != simGone {
			s.fail("conn %s: nobody looked at %v", name, c.got[0])
		}
	}
	s.k.Hold(false)
	for _, c := range s.socks {
		c.s.Reset()
	}
	for n := 0; len(s.targets) > 0; n++ {
		s.settle()
		if n > 200 {
			s.fail("it does not end")
		}
		s.pass(time.Second)
	}
	if n := len(s.node.Sessions()); n > 0 {
		s.fail("%d sessions are left", n)
	}
	s.shutDown()
}

// pass advances the clock.
func (s *scenario) pass(d time.Duration) {
	for end := s.now + int64(d); s.now < end; {
		at := s.deadline()
		if at <= s.now {
			at = end
		}
		s.now = min(at, end)
		s.settle()
	}
}
