package astarget

import (
	"slices"

	"github.com/ringtgt/ringtgt/pdu"
)

// scenario is something that the target does once.
type scenario struct {
	name  string
	at    moment
	rough bool // an initiator may give up at it
	fits  func(c *conn, k *task) bool
	play  func(c *conn, k *task) // and answers the command
	done  bool
	going bool
}

// moment is when a scenario is played.
type moment uint8

const (
	atCommand moment = iota
	atLogin
	atText
)

// plan is the list of scenarios, in their order.
type plan struct{ all []*scenario }

const (
	// gentleAfter is how many commands a session does before it meets a scenario: those by which an initiator finds its disk.
	gentleAfter = 3
	// roughAfter is the same for those at which it may give up.
	roughAfter = 24
)

func newPlan(gentle, mutual bool) plan {
	all := []*scenario{
		{name: "response in two halves", at: atText, rough: true},
		{name: "another round of login", at: atLogin},
		{name: "a key that nobody knows", at: atLogin},
		{name: "response with the C bit", at: atLogin, rough: true},
		{name: "NOP-In", fits: anyCommand, play: playPing},
		{name: closedWindow, fits: anyCommand, play: playWindow},
		{name: "status in a response of its own", fits: isRead, play: playSeparate},
		{name: "status in the last Data-In", fits: isRead, play: playStatusInData},
		{name: "read in many sequences", fits: isRead, play: playSequences},
		{name: "R2Ts of odd lengths", fits: isLongWrite, play: playPieces},
		{name: "R2Ts from the end", fits: isUnordered, play: playBack},
		{name: "BUSY", rough: true, fits: isTransfer, play: playStatus("11.4.2/0", statusBusy)},
		{name: "TASK SET FULL", rough: true, fits: isTransfer, play: playStatus("11.4.2/0a", statusTaskSetFull)},
		{name: "CHECK CONDITION", rough: true, fits: isTransfer, play: playAttention},
		{name: "residual", rough: true, fits: isRead, play: playResidual},
		{name: "request for negotiation", rough: true, fits: anyCommand, play: playNegotiation},
		{name: "request to log out", rough: true, fits: anyCommand, play: playLogout},
		{name: "Reject of a command", rough: true, fits: isAlone, play: playReject},
		{name: "wrong data digest", rough: true, fits: isDigestRead, play: playDigest},
		{name: "cut in a write", rough: true, fits: isLongWrite, play: playCut},
		{name: "a login that is refused", at: atLogin, rough: true},
	}
	if mutual {
		all = append(all, &scenario{name: "a target that cannot authenticate", at: atLogin, rough: true})
	}
	if gentle {
		all = slices.DeleteFunc(all, func(s *scenario) bool { return s.rough })
	}
	return plan{all}
}

func anyCommand(*conn, *task) bool  { return true }
func isRead(_ *conn, k *task) bool  { return k.op.out > 0 && k.edtl >= k.op.out && !k.op.failed() }
func isWrite(_ *conn, k *task) bool { return k.op.store && !k.op.failed() }

func isTransfer(c *conn, k *task) bool { return isRead(c, k) || isWrite(c, k) && k.unsol == nil }
func isLongWrite(c *conn, k *task) bool {
	unsolicited := k.got
	if k.unsol != nil {
		unsolicited = k.unsol.from + k.unsol.length
	}
	return isWrite(c, k) && k.need > unsolicited+2*pieceLen
}
func isUnordered(c *conn, k *task) bool {
	return isLongWrite(c, k) && !c.s.p.sequenceInOrder && c.s.p.outstandingR2T > 1
}
func isDigestRead(c *conn, k *task) bool { return c.digests.Data && isRead(c, k) }

// isAlone: commands of other connections would go on behind the gap.
func isAlone(c *conn, k *task) bool { return isTransfer(c, k) && !c.s.many }

// closedWindow is the scenario that holds MaxCmdSN.
const closedWindow = "closed window"

// pieceLen is the length of an R2T that is no multiple of a block, nor of four bytes.
const pieceLen = 1001

func (p *plan) find(name string) *scenario {
	for _, s := range p.all {
		if s.name == name {
			return s
		}
	}
	return nil
}

// again lets a scenario be played another time: it did not come to its point.
func (p *plan) again(name string) {
	if s := p.find(name); s != nil {
		s.going = false
	}
}

// done notes that a scenario was played to its end.
func (p *plan) done(name string) {
	if s := p.find(name); s != nil {
		s.done, s.going = true, false
	}
}

func (p *plan) names() (played, left []string) {
	for _, s := range p.all {
		if s.done {
			played = append(played, s.name)
		} else {
			left = append(left, s.name)
		}
	}
	return played, left
}

// command plays the next scenario that fits the command. It reports whether the scenario answers it.
func (p *plan) command(c *conn, k *task) bool {
	s := c.s
	if s.playing != "" || k.op.failed() || k.immediate {
		return false
	}
	for _, e := range p.all {
		after := gentleAfter
		if e.rough {
			after = roughAfter
		}
		if e.at == atCommand && !e.done && !e.going && s.done >= after && e.fits(c, k) {
			e.going, s.playing = true, e.name
			c.t.say("scenario: " + e.name)
			e.play(c, k)
			return true
		}
	}
	return false
}

// login chooses the scenario of a new session's login.
func (p *plan) login() string {
	for _, e := range p.all {
		if e.at != atLogin || e.done || e.going {
			continue
		}
		if e.rough && !p.gentlePlayed() {
			continue
		}
		e.going = true
		return e.name
	}
	return ""
}

// gentlePlayed reports whether the other logins and all that may be done to a command came before.
func (p *plan) gentlePlayed() bool {
	n := 0
	for _, e := range p.all {
		if e.at == atCommand && e.rough && e.done {
			n++
		}
	}
	return n >= 4
}

// text reports whether a text response of n bytes is to be sent in two halves.
func (p *plan) text(n int) bool {
	for _, e := range p.all {
		if e.at == atText && !e.done && n > 1 {
			e.done = true
			return true
		}
	}
	return false
}

// playLogin changes the answer to a request that would end a login, if the scenario wants that. held: the login goes on.
func (c *conn) playLogin(answer []byte) (changed []byte, held bool) {
	l := &c.login
	switch {
	case l.probe != "":
		c.broke("6.2/7", "%s is not answered", l.probe)
		l.probe = ""
	case l.probed:
	case l.play == "another round of login":
		l.probed, l.transitDue = true, true
		return answer, true
	case l.play == "a key that nobody knows":
		l.probed, l.probe = true, probeKey
		return pdu.AppendText(answer, probeKey, "1"), true
	}
	return answer, false
}

// probeKey is a private key (RFC 7143, 6.2) that no initiator knows.
const probeKey = "X-io.ringtgt.conform"

// continues waits for the request that follows a response with the C bit. The request itself is judged elsewhere.
func (c *conn) continues(op pdu.Opcode) {
	c.expect(&expectation{
		within: patience,
		met:    func(r *received) bool { return r.h.Opcode() == op },
		late:   func() { c.broke("6.2/3", "no request follows a response with the C bit") },
		closed: func() { c.broke("6.2/3", "the connection is closed after a response with the C bit") },
	})
}
