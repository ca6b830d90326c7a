package proto

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/ringtgt/ringtgt/pdu"
)

// witness is a Handler that remembers.
type witness struct {
	done       []*Command
	async      int
	violations []string
}

func (w *witness) Done(c *Command)                 { w.done = append(w.done, c) }
func (w *witness) Async(*pdu.AsyncMessage, []byte) { w.async++ }
func (w *witness) Violation(f string, a ...any) {
	w.violations = append(w.violations, fmt.Sprintf(f, a...))
}

func newConn(w *witness, keys Keys, tasks int) (*Conn, *Numbers) {
	n := new(Numbers)
	n.Init(1)
	n.Update(1, 64)
	p := keys.base(false)
	p.InitialR2T, p.MaxOutstandingR2T = false, 4
	p.Conn.HeaderDigest, p.Conn.DataDigest = keys.HeaderDigest, keys.DataDigest
	return NewConn(Config{Numbers: n, Params: p, Handler: w, Tasks: tasks, StatSN: 999}), n
}

func join(pieces [][]byte) []byte { return bytes.Join(pieces, nil) }

// What a Sink holds is the same stream whether data is copied or referred to, and whatever the Sink's size: the PDUs that a
// framer finds in it carry the same bytes, with digests and padding that are right (RFC 7143, 11.2.3, 13.1).
func TestSinkStreams(t *testing.T) {
	data := make([]byte, 30001)
	for i := range data {
		data[i] = byte(i * 7)
	}
	for _, digests := range []bool{false, true} {
		for _, shape := range []struct{ mem, pieces, copyMax int }{{1 << 16, 64, -1}, {1 << 16, 64, 0}, {1 << 16, 64, 5000}, {2048, 4, -1}, {2048, 4, 0}, {1000, 8, -1}} {
			c, _ := newConn(new(witness), Keys{HeaderDigest: digests, DataDigest: digests}, 8)
			cmd := &Command{CDB: bytes.Repeat([]byte{0x7f}, 33), Out: data}
			for _, x := range []*Command{{CDB: make([]byte, 6)}, cmd, {Kind: KindPing, Text: []byte("odd"), Immediate: true}} {
				if err := c.Submit(x); err != nil {
					t.Fatal(err)
				}
			}
			sink := NewSink(make([]byte, shape.mem), shape.pieces, shape.copyMax)
			var stream []byte
			for range 1000 {
				progress := c.Fill(sink)
				stream = append(stream, join(sink.Pieces())...)
				sink.Reset()
				if progress == Idle {
					break
				}
			}
			var f pdu.Framer
			f.SetLimits(264, 1<<20)
			f.SetDigests(digests, digests)
			var ops []pdu.Opcode
			got := make([]byte, len(data))
			buf := make([]byte, 1<<20)
			next := 0
			take := func() {
				h := f.Header()
				ops = append(ops, h.Opcode())
				n := h.DataLen()
				switch h.Opcode() {
				case pdu.OpSCSICommand:
					if f.Header().AHSLen() > 0 {
						ahs, err := pdu.ParseAHS(f.AHS())
						if err != nil || len(ahs.ExtendedCDB) != 17 {
							t.Errorf("an extended CDB of %d bytes, %v (11.2.2.3)", len(ahs.ExtendedCDB), err)
						}
						next = copy(got, buf[:n])
					}
				case pdu.OpDataOut:
					o := (*pdu.DataOut)(h)
					if int(o.BufferOffset()) != next {
						t.Fatalf("Buffer Offset %d after %d bytes", o.BufferOffset(), next)
					}
					next += copy(got[next:], buf[:n])
				}
			}
			for b := stream; len(b) > 0; {
				n, st, err := f.Feed(b)
				if err != nil {
					t.Fatalf("%+v: %v", shape, err)
				}
				b = b[n:]
				switch {
				case st == pdu.HeaderReady && f.Header().DataLen() > 0:
					f.Payload(buf)
				case st == pdu.PDUReady:
					if !f.DataDigestOK() {
						t.Fatalf("%+v: a wrong data digest", shape)
					}
					fallthrough
				case st == pdu.HeaderReady:
					take()
				}
			}
			if len(ops) < 3 || ops[0] != pdu.OpNOPOut || ops[1] != pdu.OpSCSICommand || ops[2] != pdu.OpSCSICommand {
				t.Errorf("%+v: the PDUs are %v", shape, ops)
			}
			if next != len(data) || !bytes.Equal(got, data) {
				t.Errorf("%+v, digests %v: %d bytes of %d arrive, equal %v", shape, digests, next, len(data), bytes.Equal(got, data))
			}
		}
	}
}

// More commands than tags: they wait, in order, and none is lost.
func TestTagsRunOut(t *testing.T) {
	w := new(witness)
	c, _ := newConn(w, Keys{}, 2)
	cmds := make([]Command, 5)
	for i := range cmds {
		cmds[i].CDB = make([]byte, 6)
		if err := c.Submit(&cmds[i]); err != nil {
			t.Fatal(err)
		}
	}
	sink := NewSink(make([]byte, 4096), 8, -1)
	for i, want := range []Progress{Tags, Tags, Tags, Tags, Idle} {
		if got := c.Fill(sink); got != want {
			t.Fatalf("Fill %d says %d, want %d", i, got, want)
		}
		sink.Reset()
		if cmds[i].Result.CmdSN != uint32(i+1) {
			t.Errorf("command %d has CmdSN %d", i, cmds[i].Result.CmdSN)
		}
		if i >= 3 {
			break
		}
		var h pdu.BHS
		h.Init(pdu.OpSCSIResponse)
		(*pdu.SCSIResponse)(&h).SetITT(cmds[i].Result.ITT)
		h.SetStatSN(1000 + uint32(i))
		h.SetExpMaxCmdSN(uint32(i+2), 64)
		if err := c.Feed(h[:]); err != nil {
			t.Fatal(err)
		}
		if i == 2 {
			if got := c.Fill(sink); got != Idle {
				t.Errorf("with three answers all five are out; Fill says %d", got)
			}
			break
		}
	}
	c.End(ErrConnLost)
	if len(w.done) != 5 || len(w.violations) != 0 {
		t.Errorf("%d commands are over, violations %v", len(w.done), w.violations)
	}
}

// Whatever a target sends, in whatever pieces: no panic, every command ends once, and no memory is written but the command's own.
func FuzzTarget(f *testing.F) {
	seed := func(op pdu.Opcode, change func(h *pdu.BHS), data int) {
		var h pdu.BHS
		h.Init(op)
		h.SetStatSN(1000)
		h.SetExpMaxCmdSN(1, 64)
		if change != nil {
			change(&h)
		}
		h.SetDataLen(data)
		f.Add(append(h[:], make([]byte, data+pdu.Pad(data))...), uint8(7), false)
	}
	for slot := range uint32(4) {
		itt := uint32(1)<<slotBits | slot
		seed(pdu.OpSCSIResponse, func(h *pdu.BHS) { h.SetITT(itt) }, 20)
		seed(pdu.OpDataIn, func(h *pdu.BHS) { h.SetITT(itt); h.SetFlags(0x81) }, 512)
		seed(pdu.OpR2T, func(h *pdu.BHS) { h.SetITT(itt); (*pdu.R2T)(h).SetDesiredDataTransferLength(4096) }, 0)
		seed(pdu.OpTextResponse, func(h *pdu.BHS) { h.SetITT(itt) }, 30)
		seed(pdu.OpNOPIn, func(h *pdu.BHS) { h.SetITT(itt) }, 3)
	}
	seed(pdu.OpNOPIn, func(h *pdu.BHS) { h.SetITT(pdu.ReservedTag) }, 0)
	seed(pdu.OpAsyncMessage, func(h *pdu.BHS) { (*pdu.AsyncMessage)(h).SetAsyncEvent(5) }, 0)
	seed(pdu.OpReject, nil, 48)
	seed(pdu.OpLoginResponse, nil, 0)
	f.Fuzz(func(t *testing.T, stream []byte, cut uint8, digests bool) {
		w := new(witness)
		c, _ := newConn(w, Keys{HeaderDigest: digests, DataDigest: digests, MaxRecvDataSegmentLength: 4096}, 8)
		in := make([]byte, 1024+64)
		cmds := []*Command{
			{CDB: make([]byte, 10), In: in[:1024:1024]},
			{CDB: make([]byte, 10), Out: make([]byte, 300000)},
			{CDB: make([]byte, 10), In: in[:100:100], Expect: 5000},
			{Kind: KindText, TTT: pdu.ReservedTag}, {Kind: KindPing, Text: []byte("abc")}, {Kind: KindTMF}, {Kind: KindLogout, CID: 9},
		}
		for _, cmd := range cmds {
			if err := c.Submit(cmd); err != nil {
				t.Fatal(err)
			}
		}
		sink := NewSink(make([]byte, 8192), 8, -1)
		for step := int(cut) + 1; len(stream) > 0; {
			for range 100 {
				c.Fill(sink)
				sink.Reset()
			}
			n := min(step, len(stream))
			if c.Feed(stream[:n]) != nil {
				break
			}
			stream = stream[n:]
		}
		c.End(ErrConnLost)
		seen := map[*Command]bool{}
		for _, cmd := range w.done {
			if seen[cmd] {
				t.Error("a command ends twice")
			}
			seen[cmd] = true
		}
		if len(seen) != len(cmds) {
			t.Errorf("%d of %d commands end", len(seen), len(cmds))
		}
		if !bytes.Equal(in[1024:], make([]byte, 64)) {
			t.Error("bytes behind a command's buffer were written")
		}
	})
}
