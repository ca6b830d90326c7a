package proto

import (
	"cmp"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha3"
	"crypto/subtle"
	"errors"
	"fmt"
	"hash"
	"slices"
	"strings"

	"github.com/ringtgt/ringtgt/pdu"
)

// CHAP has the credentials of a login (RFC 7143, 12.1.3). The zero value uses no CHAP.
type CHAP struct {
	User, Secret string
	// MutualUser and MutualSecret are the target's: an empty MutualSecret asks for no proof, an empty MutualUser accepts any
	// name.
	MutualUser, MutualSecret string
	// Algorithms is the value of CHAP_A, by preference; "" is "8,7,6,5": SHA3-256, SHA-256, SHA1, MD5 (IANA).
	Algorithms string
}

// ErrMutualCHAP says that the target did not prove that it knows its secret.
var ErrMutualCHAP = errors.New("initiator: the target failed mutual CHAP")

// chapHashes are the hashes that CHAP_A names.
var chapHashes = map[string]func() hash.Hash{"5": md5.New, "6": sha1.New, "7": sha256.New, "8": func() hash.Hash { return sha3.New256() }}

// chapResponse is H(identifier, secret, challenge) (RFC 1994, 4.1).
func chapResponse(alg string, id byte, secret string, challenge []byte) []byte {
	h := chapHashes[alg]()
	h.Write(slices.Concat([]byte{id}, []byte(secret), challenge))
	return h.Sum(nil)
}

// chapState is the state of one login's security stage.
type chapState struct {
	step int // exchanges that are done
	alg  string
	id   byte
	ours []byte // our challenge of mutual CHAP
}

// security handles the target's keys of the security stage and returns ours for the next request. last says that this request
// asks for the next stage; with no keys, that the stage is over.
func (l *Login) security(kvs []pdu.KeyValue) (next []pdu.KeyValue, last bool, err error) {
	get := func(key string) string {
		for _, kv := range kvs {
			if kv.Key == key {
				return kv.Value
			}
		}
		return ""
	}
	s, c := &l.chap, l.cfg.CHAP
	algs := cmp.Or(c.Algorithms, "8,7,6,5")
	switch s.step++; s.step {
	case 1:
		if m := get("AuthMethod"); m != "CHAP" {
			return nil, false, fmt.Errorf("initiator: login: the target answers AuthMethod=%q to CHAP", m)
		}
		return []pdu.KeyValue{{Key: "CHAP_A", Value: algs}}, false, nil
	case 2:
		s.alg = get("CHAP_A")
		if chapHashes[s.alg] == nil || !slices.Contains(strings.Split(algs, ","), s.alg) {
			return nil, false, fmt.Errorf("initiator: login: CHAP_A=%q was not offered", s.alg)
		}
		id, err := pdu.ParseNumber(get("CHAP_I"), 0, 255)
		if err != nil {
			return nil, false, fmt.Errorf("initiator: login: CHAP_I: %w", err)
		}
		challenge, err := pdu.DecodeBinary(get("CHAP_C"), maxCHAPBinary)
		if err != nil {
			return nil, false, fmt.Errorf("initiator: login: CHAP_C: %w", err)
		}
		s.id = byte(id)
		next = []pdu.KeyValue{
			{Key: "CHAP_N", Value: c.User},
			{Key: "CHAP_R", Value: pdu.EncodeHex(chapResponse(s.alg, s.id, c.Secret, challenge))},
		}
		if c.MutualSecret != "" {
			s.ours = make([]byte, chapHashes[s.alg]().Size())
			l.cfg.Rand(s.ours)
			next = append(next,
				pdu.KeyValue{Key: "CHAP_I", Value: fmt.Sprint(s.id ^ 0x55)},
				pdu.KeyValue{Key: "CHAP_C", Value: pdu.EncodeHex(s.ours)})
		}
		return next, true, nil
	}
	// The target's proof comes with its consent to go on.
	if c.MutualSecret == "" {
		return nil, true, nil
	}
	got, err := pdu.DecodeBinary(get("CHAP_R"), maxCHAPBinary)
	if err != nil || c.MutualUser != "" && get("CHAP_N") != c.MutualUser ||
		subtle.ConstantTimeCompare(got, chapResponse(s.alg, s.id^0x55, c.MutualSecret, s.ours)) != 1 {
		return nil, false, ErrMutualCHAP
	}
	return nil, true, nil
}
