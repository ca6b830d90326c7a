package session

import (
	"cmp"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha3"
	"encoding/base64"
	"strconv"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/pdu"
)

func chapTarget(mutual bool) *Target {
	t := plainTarget()
	t.Auth.Accounts = []Account{{User: "other", Secret: []byte("another secret")}, {User: "joe", Secret: []byte("joe's own secret")}}
	if mutual {
		t.Auth.Mutual = &Account{User: "target", Secret: []byte("the target's secret")}
	}
	return t
}

// sum is RFC 1994, 4.1, computed apart from the code under test.
func sum(alg string, id byte, secret string, challenge []byte) []byte {
	in := append(append([]byte{id}, secret...), challenge...)
	switch alg {
	case "5":
		s := md5.Sum(in)
		return s[:]
	case "6":
		s := sha1.Sum(in)
		return s[:]
	case "7":
		s := sha256.Sum256(in)
		return s[:]
	}
	s := sha3.Sum256(in)
	return s[:]
}

// challenged takes a login up to the target's challenge.
func (r *loginRig) challenged(algs string) (alg string, id byte, challenge []byte) {
	r.Helper()
	r.ok(security, names("AuthMethod", "CHAP,None")...)
	m := r.ok(security, "CHAP_A", algs)
	n, err := strconv.Atoi(m["CHAP_I"])
	if err != nil || n > 255 {
		r.Fatalf("CHAP_I=%q", m["CHAP_I"])
	}
	if challenge, err = pdu.DecodeBinary(m["CHAP_C"], 1024); err != nil {
		r.Fatal(err)
	}
	return m["CHAP_A"], byte(n), challenge
}

// CHAP_A is a list of numbers (12.1.3), and numbers are decimal or hexadecimal (6.1).
func TestCHAPAlgorithmNumbers(t *testing.T) {
	for offer, want := range map[string]string{"0x5": "5", "0x07,5": "7", "0X06": "6", "05,6": "6", "5_,7": "7", "+5,7": "7"} {
		r := newLogin(t, newNodeWith(NodeConfig{}, chapTarget(false)))
		if got, _, _ := r.challenged(offer); got != want {
			t.Errorf("CHAP_A=%s: %s was chosen; want %s", offer, got, want)
		}
	}
}

// Each algorithm, one-way and mutual (12.1.3; IANA: 5 MD5, 6 SHA1, 7 SHA-256, 8 SHA3-256).
func TestCHAP(t *testing.T) {
	for alg, size := range map[string]int{"5": 16, "6": 20, "7": 32, "8": 32} {
		for _, mutual := range []bool{false, true} {
			r := newLogin(t, newNodeWith(NodeConfig{}, chapTarget(true)))
			got, id, c := r.challenged(alg)
			if got != alg || len(c) < size {
				t.Fatalf("algorithm %s: chose %s, challenge of %d bytes, not as long as the hash", alg, got, len(c))
			}
			keys := []string{"CHAP_N", "joe", "CHAP_R", pdu.EncodeHex(sum(alg, id, "joe's own secret", c))}
			if mutual {
				keys = append(keys, "CHAP_I", "7", "CHAP_C", "0b"+base64.StdEncoding.EncodeToString([]byte("an initiator's challenge")))
			}
			m := r.ok(securityNext, keys...)
			if mutual {
				want := pdu.EncodeHex(sum(alg, 7, "the target's secret", []byte("an initiator's challenge")))
				check.That(t, m["CHAP_N"] == "target" && m["CHAP_R"] == want, "algorithm %s: mutual answer %v", alg, m)
			} else if _, has := m["CHAP_R"]; has {
				t.Error("a response nobody asked for")
			}
			r.ok(toFull)
			r.wantEvent(SessionUp)
		}
	}
}

// The initiator's order of algorithms decides, among those that we have.
func TestCHAPAlgorithmChoice(t *testing.T) {
	r := newLogin(t, newNodeWith(NodeConfig{}, chapTarget(false)))
	if alg, _, _ := r.challenged("99,7,5"); alg != "7" {
		t.Errorf("chose %s", alg)
	}
	only := chapTarget(false)
	only.Auth.Algorithms = []CHAPAlgorithm{CHAPSHA256}
	r = newLogin(t, newNodeWith(NodeConfig{}, only))
	if alg, _, _ := r.challenged("5,6,7"); alg != "7" {
		t.Errorf("chose %s, only 7 is allowed", alg)
	}
	for _, list := range []string{"5", "99", "x", ""} {
		r = newLogin(t, newNodeWith(NodeConfig{}, only))
		r.ok(security, names("AuthMethod", "CHAP")...)
		r.refused(pdu.LoginAuthenticationFailure, "no common algorithm", security, "CHAP_A", list)
	}
}

// Whatever is wrong with a response ends the login with status 0x0201.
// chapRefusals are the statuses of requests whose keys or values are not those of the step (9.2).
var chapRefusals = map[string]pdu.LoginStatus{
	"no name": pdu.LoginMissingParameter, "no response": pdu.LoginMissingParameter, "nothing": pdu.LoginMissingParameter,
	"challenge without identifier": pdu.LoginMissingParameter, "identifier without challenge": pdu.LoginMissingParameter,
	"not binary": pdu.LoginInitiatorError, "too long": pdu.LoginInitiatorError, "challenge too long": pdu.LoginInitiatorError,
}

func TestCHAPRefusals(t *testing.T) {
	const secret = "joe's own secret"
	long := "0x" + strings.Repeat("ab", 1025)
	for name, keys := range map[string]func(alg string, id byte, c []byte) []string{
		"wrong secret": func(a string, id byte, c []byte) []string {
			return []string{"CHAP_N", "joe", "CHAP_R", pdu.EncodeHex(sum(a, id, "wrong", c))}
		},
		"another account's secret": func(a string, id byte, c []byte) []string {
			return []string{"CHAP_N", "joe", "CHAP_R", pdu.EncodeHex(sum(a, id, "another secret", c))}
		},
		"unknown name": func(a string, id byte, c []byte) []string {
			return []string{"CHAP_N", "jim", "CHAP_R", pdu.EncodeHex(sum(a, id, secret, c))}
		},
		"a shorter response": func(a string, id byte, c []byte) []string {
			return []string{"CHAP_N", "joe", "CHAP_R", pdu.EncodeHex(sum(a, id, secret, c)[:8])}
		},
		"wrong identifier": func(a string, id byte, c []byte) []string {
			return []string{"CHAP_N", "joe", "CHAP_R", pdu.EncodeHex(sum(a, id+1, secret, c))}
		},
		"no name":     func(string, byte, []byte) []string { return []string{"CHAP_R", "0x00"} },
		"no response": func(string, byte, []byte) []string { return []string{"CHAP_N", "joe"} },
		"nothing":     func(string, byte, []byte) []string { return nil },
		"not binary":  func(string, byte, []byte) []string { return []string{"CHAP_N", "joe", "CHAP_R", "hello"} },
		"too long":    func(string, byte, []byte) []string { return []string{"CHAP_N", "joe", "CHAP_R", long} },
		"our own challenge back": func(a string, id byte, c []byte) []string {
			return []string{"CHAP_N", "joe", "CHAP_R", pdu.EncodeHex(sum(a, id, secret, c)), "CHAP_I", "1", "CHAP_C", pdu.EncodeHex(c)}
		},
		"challenge without identifier": func(a string, id byte, c []byte) []string {
			return []string{"CHAP_N", "joe", "CHAP_R", pdu.EncodeHex(sum(a, id, secret, c)), "CHAP_C", "0x1234"}
		},
		"identifier without challenge": func(a string, id byte, c []byte) []string {
			return []string{"CHAP_N", "joe", "CHAP_R", pdu.EncodeHex(sum(a, id, secret, c)), "CHAP_I", "1"}
		},
		"challenge too long": func(a string, id byte, c []byte) []string {
			return []string{"CHAP_N", "joe", "CHAP_R", pdu.EncodeHex(sum(a, id, secret, c)), "CHAP_I", "1", "CHAP_C", long}
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newLogin(t, newNodeWith(NodeConfig{}, chapTarget(true)))
			r.refused(cmp.Or(chapRefusals[name], pdu.LoginAuthenticationFailure), name, securityNext, keys(r.challenged("5"))...)
		})
	}
	t.Run("mutual without a mutual secret", func(t *testing.T) {
		r := newLogin(t, newNodeWith(NodeConfig{}, chapTarget(false)))
		a, id, c := r.challenged("5")
		r.refused(pdu.LoginAuthenticationFailure, "it would pass unauthenticated", securityNext,
			"CHAP_N", "joe", "CHAP_R", pdu.EncodeHex(sum(a, id, secret, c)), "CHAP_I", "1", "CHAP_C", "0x1234")
	})
}

// The response cannot come before the challenge (12.1.3).
func TestCHAPResponseBeforeTheChallenge(t *testing.T) {
	r := newLogin(t, newNodeWith(NodeConfig{}, chapTarget(false)))
	r.ok(security, names("AuthMethod", "CHAP")...)
	r.refused(pdu.LoginMissingParameter, "there is no challenge yet", securityNext, "CHAP_N", "joe", "CHAP_R", "0x00")
}

// A T bit before the end of CHAP is not answered by one: the stage goes on (6.3).
func TestTransitBeforeCHAPIsOver(t *testing.T) {
	r := newLogin(t, newNodeWith(NodeConfig{}, chapTarget(false)))
	for _, keys := range [][]string{names("AuthMethod", "CHAP"), {"CHAP_A", "5"}} {
		r.ask(securityFull, keys...)
		if h, _ := r.answer("6.3"); h.Status() != 0 || h.Transit() {
			t.Fatalf("status %#x, T %v", uint16(h.Status()), h.Transit())
		}
	}
	must.Be(t, r.conn.Session() == nil, "a session without authentication")
}

// A discovery session authenticates with the node's accounts, not a target's.
func TestDiscoveryAuthentication(t *testing.T) {
	n := newNodeWith(NodeConfig{DiscoveryAuth: Auth{Accounts: []Account{{User: "d", Secret: []byte("discovery secret")}}}}, plainTarget())
	r := newLogin(t, n)
	r.refused(pdu.LoginAuthenticationFailure, "discovery needs CHAP here", toFull, "InitiatorName", testInitiator, "SessionType", "Discovery")
	r = newLogin(t, n)
	r.ok(security, "InitiatorName", testInitiator, "SessionType", "Discovery", "AuthMethod", "CHAP")
	m := r.ok(security, "CHAP_A", "7")
	id, _ := strconv.Atoi(m["CHAP_I"])
	c, _ := pdu.DecodeBinary(m["CHAP_C"], 1024)
	r.ok(securityFull, "CHAP_N", "d", "CHAP_R", pdu.EncodeHex(sum("7", byte(id), "discovery secret", c)))
	if s := r.conn.Session(); s == nil || !s.Discovery {
		t.Fatal("no discovery session")
	}
}
