package fullfeature

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/ringtgt/ringtgt/internal/conform"
	"github.com/ringtgt/ringtgt/internal/rawclient"
	"github.com/ringtgt/ringtgt/pdu"
)

// robustness has the cases of what scanners and broken initiators send. That the target lives on is checked after every case.
func robustness() (cases []conform.Case) {
	noise := make([]byte, 4096)
	g := rand.New(rand.NewPCG(7143, 7144))
	for i := range noise {
		noise[i] = byte(g.Uint32())
	}
	noise[0] = 0x55 // no Login Request
	for i, c := range []struct {
		title string
		bytes []byte
		level conform.Level // who reads the whole of a PDU first may wait for more than a scanner sends
	}{
		{"an HTTP request", []byte("GET / HTTP/1.1\r\nHost: target.example\r\nUser-Agent: scanner\r\nAccept: */*\r\n\r\n"), conform.Should},
		{"a TLS hello", append([]byte{0x16, 3, 1, 0, 0xa5, 1, 0, 0, 0xa1, 3, 3}, noise[:160]...), conform.Should},
		{"an SSH banner", append([]byte("SSH-2.0-OpenSSH_9.9p1 Debian-3\r\n"), noise[:64]...), conform.Should},
		{"random bytes", noise, conform.Should},
		{"48 bytes 0xff", bytes.Repeat([]byte{0xff}, pdu.BHSLen), conform.Should},
		{"a Text Request", rawclient.Append(nil, rawclient.Request(pdu.OpTextRequest, 1, 1, 0), []byte("SendTargets=All\x00")), conform.Must},
		{"a Data-Out", rawclient.Append(nil, rawclient.Request(pdu.OpDataOut, 1, 1, 0), noise[:512]), conform.Must},
	} {
		cases = append(cases, conform.Case{
			ID: "rfc7143/4.2.4/5" + conform.Letters(i), Title: "before the login: " + c.title, Level: c.level, Also: []string{"rfc7143/6.3/0"},
			Rule: "Any PDU but a Login Request before the login ends the connection at once.", Groups: []conform.Group{conform.Robustness},
			Run: func(t *conform.T) {
				l := t.Dial()
				l.SendRaw(c.bytes)
				l.Ended("the end of the connection")
			},
		})
	}
	return append(append(cases, halves()...), extremes()...)
}

// robust is a case that only asks that the target lives on.
func robust(id, title string, run func(t *conform.T)) conform.Case {
	return conform.Case{ID: id, Title: title, Rule: "Whatever a peer sends, the target serves others.", Groups: []conform.Group{conform.Robustness}, Run: run}
}

// halves has the cases of PDUs that come slowly or not at all.
func halves() (cases []conform.Case) {
	cases = []conform.Case{
		robust("rfc7143/7.14/0a", "a connection that says nothing", func(t *conform.T) { t.Dial(); t.LogIn() }),
		robust("rfc7143/7.14/0b", "half a header, then the end", func(t *conform.T) {
			c := t.Dial()
			c.SendRaw(rawclient.OneRequest(t.ISID()).Header()[:20])
			c.Close()
		}),
		robust("rfc7143/7.14/0c", "half a header, then silence", func(t *conform.T) {
			t.Dial().SendRaw(rawclient.OneRequest(t.ISID()).Header()[:20])
			t.LogIn()
		}),
		robust("rfc7143/7.14/0d", "half a header, then a shutdown", func(t *conform.T) {
			c := t.Dial()
			c.SendRaw(rawclient.OneRequest(t.ISID()).Header()[:20])
			c.CloseWrite()
			c.Ended("the end of the connection")
		}),
		robust("rfc7143/7.14/0e", "half a data segment in full feature phase, then the end", func(t *conform.T) {
			l := open(t)
			wire := l.Digests.Append(nil, l.nop(false), l.pattern(512))
			l.SendRaw(wire[:300])
			l.Close()
		}),
		robust("rfc7143/7.14/0f", "half a data segment in full feature phase, then silence", func(t *conform.T) {
			l := open(t)
			wire := l.Digests.Append(nil, l.nop(false), l.pattern(512))
			l.SendRaw(wire[:300])
			t.LogIn().Ping("the ping echo of another session")
		}),
		robust("rfc7143/7.14/0g", "a shutdown in full feature phase", func(t *conform.T) {
			l := open(t)
			l.CloseWrite()
			l.Ended("the end of the connection")
		}),
		robust("rfc7143/7.14/0h", "many connections that come and go", func(t *conform.T) {
			for range 64 {
				t.Dial().Close()
			}
		}),
		robust("rfc7143/7.14/0i", "many connections that stay", func(t *conform.T) {
			for range 32 {
				t.Dial()
			}
			t.LogIn().Ping("the ping echo of a session beside them")
		}),
		robust("rfc7143/7.14/0j", "a reset while answers are on their way", func(t *conform.T) {
			l := open(t)
			var wire []byte
			for range l.window(32) {
				wire = l.Digests.Append(wire, l.nop(false), l.pattern(512))
			}
			l.SendRaw(wire)
			l.Reset()
		}),
		robust("rfc7143/7.14/0k", "a reset in the middle of a PDU", func(t *conform.T) {
			l := open(t)
			l.SendRaw(l.nop(false)[:17])
			l.Reset()
		}),
	}
	for i, cut := range []int{1, 4, 5, 47, 48, 49, 63} {
		cases = append(cases, conform.Case{
			ID: "rfc7143/11.2/0" + conform.Letters(i), Title: fmt.Sprintf("a ping that comes in pieces of %d bytes", cut), Groups: []conform.Group{conform.Robustness},
			Rule: "TCP is a stream: a PDU may come in any pieces.",
			Run: func(t *conform.T) {
				l := open(t)
				h, data := l.nop(false), l.pattern(100)
				for piece := range slices.Chunk(l.Digests.Append(nil, h, data), cut) {
					l.SendRaw(piece)
				}
				l.same("the echoed data", l.answer(h, pdu.OpNOPIn, "the ping echo").Data, data)
			},
		})
	}
	return cases
}

// extremes has the cases of lengths at their ends.
func extremes() (cases []conform.Case) {
	for i, c := range []struct {
		title string
		op    pdu.Opcode
		ahs   int
		data  int
	}{
		{"a Login Request with DataSegmentLength 0xffffff", pdu.OpLoginRequest, 0, 0xffffff},
		{"a Login Request with TotalAHSLength 255", pdu.OpLoginRequest, 1020, 0},
		{"a Login Request with both", pdu.OpLoginRequest, 1020, 0xffffff},
	} {
		cases = append(cases, robust("rfc7143/11.2.1.6/0"+conform.Letters(i), c.title, func(t *conform.T) {
			l := t.Dial()
			h := rawclient.OneRequest(t.ISID()).Header()
			h.SetAHSLen(c.ahs)
			h.SetDataLen(c.data)
			l.SendRaw(h[:])
			l.SendRaw(make([]byte, 2048))
			l.Close()
		}))
	}
	n := len(cases)
	for i, op := range []pdu.Opcode{pdu.OpNOPOut, pdu.OpSCSICommand, pdu.OpTextRequest, pdu.OpTaskManagementRequest, pdu.OpDataOut, pdu.OpLogoutRequest, pdu.OpSNACKRequest} {
		cases = append(cases, conform.Case{
			ID: "rfc7143/11.2.1.6/0" + conform.Letters(n+i), Title: fmt.Sprintf("a %v with DataSegmentLength 0xffffff", op), Groups: []conform.Group{conform.Robustness},
			Rule: "A data segment longer than the target's MaxRecvDataSegmentLength is not taken in.", Level: conform.Should, Also: []string{"rfc7143/13.12/0", "rfc7143/7.7/1"},
			Run: func(t *conform.T) {
				l := open(t)
				l.needs(l.param("MaxRecvDataSegmentLength") < pdu.MaxDataLen, "the target takes segments of any length")
				h := l.New(op, true)
				if op == pdu.OpSCSICommand {
					h[32] = 0x1f
				}
				h.SetDataLen(pdu.MaxDataLen)
				l.SendRaw(h[:])
				l.SendRaw(make([]byte, 1<<16))
				l.refused("a Reject, or the end of the connection", failed)
			},
		})
	}
	return cases
}
