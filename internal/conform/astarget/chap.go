package astarget

import (
	"crypto/rand"
	"crypto/subtle"
	"slices"
	"strconv"
	"strings"

	"github.com/ringtgt/ringtgt/internal/conform"
	"github.com/ringtgt/ringtgt/pdu"
)

// chapStep is how far authentication is.
type chapStep uint8

const (
	chapNone chapStep = iota
	chapChosen
	chapChallenged
	chapDone
)

type chapState struct {
	step      chapStep
	proved    bool
	wrong     bool // this target sent a wrong proof of its own, on purpose
	algorithm string
	id        byte
	challenge []byte
}

// over reports whether SecurityNegotiation can end.
func (s *chapState) over(needed bool) bool {
	return s.step == chapDone || s.step == chapNone && !needed
}

// chapKeys are the security keys of a request.
type chapKeys map[string]string

func chapKey(name string) bool { return name == "AuthMethod" || strings.HasPrefix(name, "CHAP_") }

const (
	challengeLen = 16
	maxCHAP      = 1024 // RFC 7143, 12.1.3
)

// authenticate answers the security keys of a request (RFC 7143, 12.1).
func (c *conn) authenticate(k chapKeys, answer []byte) ([]byte, error) {
	s := &c.login.chap
	if len(k) == 0 && s.step == chapNone {
		return answer, nil
	}
	switch s.step {
	case chapNone:
		return c.chooseMethod(strings.Split(k["AuthMethod"], ","), answer)
	case chapChosen:
		c.want(k["CHAP_A"] != "", "12.1.3/1", "no CHAP_A after AuthMethod=CHAP")
		return c.challenge(strings.Split(k["CHAP_A"], ","), answer)
	case chapChallenged:
		return c.verify(k, answer)
	}
	return answer, nil
}

func (c *conn) chooseMethod(methods []string, answer []byte) ([]byte, error) {
	want := "None"
	if c.t.cfg.User != "" {
		want = "CHAP"
		c.login.chap.step = chapChosen
	}
	if !slices.Contains(methods, want) {
		return nil, refuse(pdu.LoginAuthenticationFailure, "AuthMethod is none of %q", methods)
	}
	return pdu.AppendText(answer, "AuthMethod", want), nil
}

func (c *conn) challenge(algorithms []string, answer []byte) ([]byte, error) {
	c.want(slices.Contains(algorithms, "5"), "12.1.3/8", "CHAP_A=%q", algorithms)
	s := &c.login.chap
	for _, a := range algorithms {
		if conform.CHAPResponse(a, 0, "", nil) != nil {
			s.algorithm = a
			break
		}
	}
	if s.algorithm == "" {
		return nil, refuse(pdu.LoginAuthenticationFailure, "CHAP_A is none of %q", algorithms)
	}
	s.step, s.challenge = chapChallenged, make([]byte, challengeLen+1)
	_, _ = rand.Read(s.challenge)
	s.id, s.challenge = s.challenge[challengeLen], s.challenge[:challengeLen]
	answer = pdu.AppendText(answer, "CHAP_A", s.algorithm)
	answer = pdu.AppendText(answer, "CHAP_I", strconv.Itoa(int(s.id)))
	return pdu.AppendText(answer, "CHAP_C", pdu.EncodeHex(s.challenge)), nil
}

// verify checks the initiator's proof, and gives this target's own if it is wanted.
func (c *conn) verify(k chapKeys, answer []byte) ([]byte, error) {
	s, cfg := &c.login.chap, &c.t.cfg
	c.want(k["CHAP_N"] != "" && k["CHAP_R"] != "" && (k["CHAP_I"] == "") == (k["CHAP_C"] == ""), "12.1.3/3",
		"CHAP_N=%.20q, CHAP_R with %d letters, CHAP_I=%.5q, CHAP_C with %d letters", k["CHAP_N"], len(k["CHAP_R"]), k["CHAP_I"], len(k["CHAP_C"]))
	proof, err := pdu.DecodeBinary(k["CHAP_R"], maxCHAP)
	due := conform.CHAPResponse(s.algorithm, s.id, cfg.Secret, s.challenge)
	if err != nil || k["CHAP_N"] != cfg.User || subtle.ConstantTimeCompare(proof, due) != 1 {
		return nil, refuse(pdu.LoginAuthenticationFailure, "wrong CHAP response of %.40q", k["CHAP_N"])
	}
	s.proved, s.step = true, chapDone
	if k["CHAP_C"] == "" {
		return answer, nil
	}
	theirs, err := pdu.DecodeBinary(k["CHAP_C"], maxCHAP)
	id, err2 := pdu.ParseNumber(k["CHAP_I"], 0, 255)
	if err != nil || err2 != nil || cfg.MutualSecret == "" || slices.Equal(theirs, s.challenge) {
		return nil, refuse(pdu.LoginAuthenticationFailure, "this target cannot authenticate")
	}
	ours := conform.CHAPResponse(s.algorithm, byte(id), cfg.MutualSecret, theirs)
	if c.login.play == "a target that cannot authenticate" {
		s.wrong = true
		ours[0] ^= 0xff
		c.expect(&expectation{
			within: patience,
			closed: func() {
				if c.s == nil {
					c.kept("12.1.3/6")
				}
			},
			late: func() { c.broke("12.1.3/6", "the connection is still open after %v", patience) },
		})
		c.t.plan.done(c.login.play)
	}
	answer = pdu.AppendText(answer, "CHAP_N", cfg.MutualUser)
	return pdu.AppendText(answer, "CHAP_R", pdu.EncodeHex(ours)), nil
}
