package fullfeature

import (
	"fmt"

	"github.com/ringtgt/ringtgt/internal/conform"
	"github.com/ringtgt/ringtgt/pdu"
)

// numbering has the cases of CmdSN and the command window on one connection (RFC 7143, 4.2.2.1).
func numbering() []conform.Case {
	cases := []conform.Case{{
		ID: "rfc7143/4.2.2.1/12", Title: "ExpCmdSN follows the commands",
		Rule: "Initiators and targets support command numbering: ExpCmdSN advances by one for each numbered command.", Also: []string{"rfc7143/4.2.1/1", "rfc7143/7.1.5/3"},
		Run: func(t *conform.T) {
			l := open(t)
			for range 8 {
				h := l.nop(false)
				l.Send(h, nil)
				p := l.answer(h, pdu.OpNOPIn, "the ping echo")
				l.equal("ExpCmdSN", p.ExpCmdSN(), l.Session.CmdSN)
			}
		},
	}, {
		ID: "rfc7143/4.2.2.1/2", Title: "immediate commands use up no CmdSN",
		Rule: "CmdSN does not advance after a command for immediate delivery.",
		Run: func(t *conform.T) {
			l := open(t)
			for range 4 {
				p := l.ping()
				l.equal("ExpCmdSN after an immediate ping", p.ExpCmdSN(), l.Session.CmdSN)
			}
			h := l.nop(false)
			l.Send(h, nil)
			l.answer(h, pdu.OpNOPIn, "the echo of a ping with the CmdSN that the immediate ones carried")
		},
	}, {
		ID: "rfc7143/4.2.2.1/5", Title: "an immediate ping and an immediate task management function at once", Needs: conform.Unit,
		Rule: "A target can handle at least one immediate task management command and one other immediate command per connection at any time.",
		Run: func(t *conform.T) {
			l := open(t)
			gap := l.Session.CmdSN
			l.Session.CmdSN++
			h := l.nop(false) // waits for the gap
			l.Send(h, nil)
			f := l.tmf(pdu.TMFAbortTask, true)
			f.SetReferencedTaskTag(l.Session.ITT + 1000)
			f.SetRefCmdSN(gap - 1)
			l.Send(f.BHS(), nil)
			n := l.nop(true)
			l.Send(n, nil)
			l.all("answers to both immediate requests", f.BHS(), n)
			l.fill(gap)
		},
	}, {
		ID: "rfc7143/4.2.2.1/8", Title: "a gap is not acknowledged",
		Rule: "There are no holes in the acknowledged CmdSN sequence.",
		Run: func(t *conform.T) {
			l := open(t)
			gap := l.Session.CmdSN
			l.Session.CmdSN++
			h := l.nop(false)
			l.Send(h, nil)
			p := l.quiet("only the echo of the immediate ping: a numbered one waits for the CmdSN before it")
			l.equal("ExpCmdSN", p.ExpCmdSN(), gap)
			f := l.fill(gap)
			l.all("answers to both numbered pings", f, h)
		},
	}, {
		ID: "rfc7143/4.2.2.1/10", Title: "MaxCmdSN is never below ExpCmdSN - 1",
		Rule: "The target does not transmit a MaxCmdSN that is less than ExpCmdSN - 1.",
		Run: func(t *conform.T) {
			l := open(t)
			var sent []*pdu.BHS
			for range l.window(32) {
				h := l.nop(false)
				l.Send(h, nil)
				sent = append(sent, h)
			}
			for range sent {
				p := l.Recv("the ping echoes")
				if pdu.SNLess(p.MaxCmdSN(), p.ExpCmdSN()-1) {
					l.t.Fail("MaxCmdSN of at least ExpCmdSN - 1", "ExpCmdSN %d, MaxCmdSN %d", p.ExpCmdSN(), p.MaxCmdSN())
				}
			}
		},
	}, {
		ID: "rfc7143/4.2.2.1/0a", Title: "an immediate command while the window is full",
		Rule: "The CmdSN of an immediate command may lie outside the window.",
		Run:  fullWindow,
	}, {
		ID: "rfc7143/4.2.2.1/15", Title: "a response acknowledges its command", Needs: conform.Unit,
		Rule: "A response, or a Data-In PDU with status, does not precede the acknowledgement of the command.",
		Run: func(t *conform.T) {
			l := open(t)
			for _, h := range []*pdu.SCSICommand{l.scsi(testUnitReady, 0, 0), l.scsi(inquiry(96), 96, 0)} {
				l.Send(h.BHS(), nil)
				r := l.finish(h, nil)
				if !pdu.SNLess(h.CmdSN(), r.End.ExpCmdSN()) {
					l.t.Fail(fmt.Sprintf("an ExpCmdSN after %d", h.CmdSN()), "the response has ExpCmdSN %d", r.End.ExpCmdSN())
				}
			}
		},
	}}
	return append(append(append(cases, order()...), outside()...), wraps()...)
}

// fullWindow sends all commands of the window but the first, then an immediate ping, then the first.
func fullWindow(t *conform.T) {
	l := open(t)
	p := l.ping()
	n := int(p.MaxCmdSN() - p.ExpCmdSN() + 1)
	if n < 2 || n > maxWindow {
		t.Skip("the window has %d commands", n)
	}
	gap := l.Session.CmdSN
	l.Session.CmdSN++
	var held []*pdu.BHS
	for range n - 1 {
		h := l.nop(false)
		l.Send(h, nil)
		held = append(held, h)
	}
	p = l.quiet("the echo of an immediate ping while the window is full")
	beyond := l.nop(false)
	(*pdu.NOPOut)(beyond).SetCmdSN(p.MaxCmdSN() + 1)
	l.Session.CmdSN--
	l.Send(beyond, nil) // MaxCmdSN + 1, of which nothing must remain
	first := l.fill(gap)
	l.inOrder("the echoes of all pings in CmdSN order", append([]*pdu.BHS{first}, held...)...)
	l.still("no echo of the ping whose CmdSN was outside the window")
}

// order has the cases of execution in CmdSN order.
func order() (cases []conform.Case) {
	for i, arrival := range [][]uint32{{1, 0}, {2, 1, 0}, {1, 2, 0}, {0, 2, 1}, {3, 2, 1, 0}, {2, 0, 3, 1}, {7, 6, 5, 4, 3, 2, 1, 0}} {
		cases = append(cases, conform.Case{
			ID: "rfc7143/4.2.2.1/6" + conform.Letters(i), Title: fmt.Sprintf("pings that arrive in the order %v", arrival),
			Rule: "The target delivers commands that are not immediate for execution in the order of their CmdSN.",
			Run: func(t *conform.T) {
				l := open(t)
				sent := make([]*pdu.BHS, len(arrival))
				for i := range sent {
					sent[i] = l.nop(false)
				}
				for _, i := range arrival {
					l.Send(sent[i], nil)
				}
				l.inOrder("the ping echoes in CmdSN order", sent...)
			},
		})
	}
	return append(cases, conform.Case{
		ID: "rfc7143/4.2.2.1/6" + conform.Letters(len(cases)), Title: "SCSI commands that arrive in reverse order", Needs: conform.Unit,
		Rule: "The target delivers commands that are not immediate for execution in the order of their CmdSN.",
		Run: func(t *conform.T) {
			l := open(t)
			sent := make([]*pdu.SCSICommand, 4)
			for i := range sent {
				sent[i] = l.scsi(testUnitReady, 0, 0)
			}
			for i := len(sent) - 1; i > 0; i-- {
				l.Send(sent[i].BHS(), nil)
			}
			l.quiet("no response before the first command has arrived")
			l.Send(sent[0].BHS(), nil)
			l.all("the responses of all commands", headers(sent)...)
		},
	})
}

// outside has the cases of commands that must be silently ignored.
func outside() (cases []conform.Case) {
	const rule = "The target silently ignores commands outside the window, and duplicates within it, unless they are immediate."
	for i, c := range []struct {
		title string
		sn    func(exp, max uint32) uint32
	}{
		{"CmdSN is MaxCmdSN + 1", func(_, max uint32) uint32 { return max + 1 }},
		{"CmdSN is MaxCmdSN + 2", func(_, max uint32) uint32 { return max + 2 }},
		{"CmdSN is MaxCmdSN + 65536", func(_, max uint32) uint32 { return max + 1<<16 }},
		{"CmdSN is almost 2^31 above MaxCmdSN", func(_, max uint32) uint32 { return max + 1<<31 - 1 }},
		{"CmdSN is ExpCmdSN - 1", func(exp, _ uint32) uint32 { return exp - 1 }},
		{"CmdSN is ExpCmdSN - 100", func(exp, _ uint32) uint32 { return exp - 100 }},
		{"CmdSN is almost 2^31 below ExpCmdSN", func(exp, _ uint32) uint32 { return exp - 1<<31 + 1 }},
	} {
		cases = append(cases, conform.Case{
			ID: "rfc7143/4.2.2.1/11" + conform.Letters(i), Title: c.title, Rule: rule,
			Run: func(t *conform.T) {
				l := open(t)
				p := l.ping()
				right := l.Session.CmdSN
				h := l.nop(false)
				(*pdu.NOPOut)(h).SetCmdSN(c.sn(p.ExpCmdSN(), p.MaxCmdSN()))
				l.Send(h, nil)
				l.Session.CmdSN = right
				p = l.quiet("nothing: the CmdSN is outside the window")
				l.equal("ExpCmdSN", p.ExpCmdSN(), right)
				l.all("the echo of a ping with the right CmdSN", l.fill(right))
			},
		})
	}
	n := len(cases)
	return append(cases, conform.Case{
		ID: "rfc7143/4.2.2.1/11" + conform.Letters(n), Title: "a duplicate within the window", Rule: rule,
		Run: func(t *conform.T) {
			l := open(t)
			gap := l.Session.CmdSN
			l.Session.CmdSN++
			h := l.nop(false)
			l.Send(h, nil)
			again := *h
			again.SetITT(l.nextITT())
			l.Send(&again, nil)
			l.quiet("no echo before the gap is filled")
			l.inOrder("the echo of the ping that filled the gap, and of the first of two pings with one CmdSN", l.fill(gap), h)
			l.quiet("no echo of the duplicate")
		},
	}, conform.Case{
		ID: "rfc7143/4.2.2.1/11" + conform.Letters(n+1), Title: "a retry of a command that waits", Rule: rule, Also: []string{"rfc7143/4.2.2.1/13"},
		Run: func(t *conform.T) {
			l := open(t)
			gap := l.Session.CmdSN
			l.Session.CmdSN++
			h := l.nop(false)
			l.Send(h, nil)
			l.Send(h, nil)
			l.quiet("no echo before the gap is filled")
			l.inOrder("one echo of each ping", l.fill(gap), h)
			l.quiet("no second echo")
		},
	}, conform.Case{
		ID: "rfc7143/4.2.2.1/11" + conform.Letters(n+2), Title: "a retry of a command that was answered", Rule: rule, Also: []string{"rfc7143/7.2.1/0"},
		Run: func(t *conform.T) {
			l := open(t)
			h := l.nop(false)
			l.Send(h, nil)
			l.answer(h, pdu.OpNOPIn, "the ping echo")
			l.Send(h, nil)
			l.quiet("no second echo")
		},
	}, conform.Case{
		ID: "rfc7143/4.2.2.1/11" + conform.Letters(n+3), Title: "a SCSI command below the window is not executed", Rule: rule, Needs: conform.Unit,
		Run: func(t *conform.T) {
			l := open(t)
			h := l.scsi(testUnitReady, 0, 0)
			h.SetCmdSN(h.CmdSN() - 1)
			l.Session.CmdSN--
			l.Send(h.BHS(), nil)
			l.quiet("no response")
			l.good(l.run(testUnitReady, 0))
		},
	})
}

// wraps has the cases of CmdSN near the ends of its range. A login carries the first CmdSN of its session.
func wraps() (cases []conform.Case) {
	const rule = "Comparisons and arithmetic on CmdSN, ExpCmdSN and MaxCmdSN use serial number arithmetic."
	for i, first := range []uint32{0, 0x7ffffffd, 0x7fffffff, 0x80000000, 0xfffffff8, 0xfffffffe, 0xffffffff} {
		cases = append(cases, conform.Case{
			ID: "rfc7143/4.2.2.1/9" + conform.Letters(i), Title: fmt.Sprintf("a session whose first CmdSN is 0x%08x", first), Rule: rule,
			Run: func(t *conform.T) {
				l := openAt(t, first)
				for range 12 {
					h := l.nop(false)
					l.Send(h, nil)
					p := l.answer(h, pdu.OpNOPIn, "the ping echo")
					l.equal("ExpCmdSN", p.ExpCmdSN(), l.Session.CmdSN)
				}
			},
		})
	}
	n := len(cases)
	return append(cases, conform.Case{
		ID: "rfc7143/4.2.2.1/9" + conform.Letters(n), Title: "a gap at the wrap of CmdSN", Rule: rule,
		Run: func(t *conform.T) {
			l := openAt(t, 0xffffffff)
			sent := []*pdu.BHS{l.nop(false), l.nop(false), l.nop(false)}
			l.Send(sent[2], nil)
			l.Send(sent[1], nil)
			p := l.quiet("no echo before CmdSN 0xffffffff has arrived")
			l.equal("ExpCmdSN", p.ExpCmdSN(), 0xffffffff)
			l.Send(sent[0], nil)
			l.inOrder("the echoes in CmdSN order", sent...)
		},
	}, conform.Case{
		ID: "rfc7143/4.2.2.1/9" + conform.Letters(n+1), Title: "a duplicate from before the wrap", Rule: rule, Also: []string{"rfc7143/4.2.2.1/11"},
		Run: func(t *conform.T) {
			l := openAt(t, 0xffffffff)
			old := l.nop(false)
			for _, h := range []*pdu.BHS{old, l.nop(false)} {
				l.Send(h, nil)
				l.answer(h, pdu.OpNOPIn, "the ping echo")
			}
			old.SetITT(l.nextITT())
			l.Send(old, nil)
			l.quiet("no echo: the CmdSN is below the window")
		},
	})
}
