package conform

import (
	"crypto/md5"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha3"
	"crypto/subtle"
	"errors"
	"fmt"
	"hash"
	"slices"

	"github.com/ringtgt/ringtgt/pdu"
)

// hashes are the algorithms of CHAP_A (RFC 7143, 12.1.3; IANA, PPP Authentication Algorithms).
var hashes = map[string]func() hash.Hash{"5": md5.New, "6": sha1.New, "7": sha256.New, "8": func() hash.Hash { return sha3.New256() }}

// CHAPResponse is the hash of identifier, secret and challenge (RFC 1994, 4.1), nil for an unknown algorithm.
func CHAPResponse(algorithm string, id byte, secret string, challenge []byte) []byte {
	if hashes[algorithm] == nil {
		return nil
	}
	h := hashes[algorithm]()
	h.Write(slices.Concat([]byte{id}, []byte(secret), challenge))
	return h.Sum(nil)
}

// Challenge is the target's.
type Challenge struct {
	Algorithm string
	ID        byte
	Bytes     []byte
}

// Challenged asks for CHAP on a new connection and returns the target's challenge.
func (t *T) Challenged(algorithms string) (*Conn, Challenge) {
	c := t.Dial()
	ch, err := c.challenge(t.Who(), algorithms)
	if err != nil {
		t.broken("%v", err)
	}
	return c, ch
}

func (c *Conn) challenge(who []string, algorithms string) (ch Challenge, err error) {
	a := c.Exchange(c.Request(Security, Security), append(who, "AuthMethod", "CHAP")...)
	if s := a.Status(); s != pdu.LoginSuccess || a.Value("AuthMethod") != "CHAP" {
		return ch, fmt.Errorf("AuthMethod=CHAP is answered with status 0x%04x, AuthMethod=%q", uint16(s), a.Value("AuthMethod"))
	}
	a = c.Exchange(c.Request(Security, Security), "CHAP_A", algorithms)
	id, err := pdu.ParseNumber(a.Value("CHAP_I"), 0, 255)
	if err != nil {
		return ch, fmt.Errorf("CHAP_I=%q in an answer with status 0x%04x", a.Value("CHAP_I"), uint16(a.Status()))
	}
	ch = Challenge{Algorithm: a.Value("CHAP_A"), ID: byte(id)}
	if hashes[ch.Algorithm] == nil {
		return ch, fmt.Errorf("CHAP_A=%q", ch.Algorithm)
	}
	ch.Bytes, err = pdu.DecodeBinary(a.Value("CHAP_C"), maxCHAPBinary)
	return ch, err
}

// authenticate goes through SecurityNegotiation with the user's credentials.
func (c *Conn) authenticate(who []string) error {
	g := c.t.Target
	ch, err := c.challenge(who, "8,7,6,5")
	if err != nil {
		return err
	}
	keys := []string{"CHAP_N", g.User, "CHAP_R", pdu.EncodeHex(CHAPResponse(ch.Algorithm, ch.ID, g.Secret, ch.Bytes))}
	ours := make([]byte, 16)
	if g.MutualSecret != "" {
		_, _ = rand.Read(ours)
		keys = append(keys, "CHAP_I", fmt.Sprint(ch.ID^0x55), "CHAP_C", pdu.EncodeHex(ours))
	}
	a := c.Exchange(c.Request(Security, Operational), keys...)
	if s := a.Status(); s != pdu.LoginSuccess {
		return fmt.Errorf("CHAP ends with status 0x%04x", uint16(s))
	}
	if !a.Transit() {
		return errors.New("the target stays in SecurityNegotiation after CHAP")
	}
	if g.MutualSecret == "" {
		return nil
	}
	proof, err := pdu.DecodeBinary(a.Value("CHAP_R"), maxCHAPBinary)
	if err != nil || subtle.ConstantTimeCompare(proof, CHAPResponse(ch.Algorithm, ch.ID^0x55, g.MutualSecret, ours)) != 1 {
		return errors.New("the target does not prove that it knows its secret")
	}
	return nil
}
