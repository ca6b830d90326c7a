package session

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha3"
	"crypto/subtle"
	"errors"
	"hash"
	"slices"
	"strconv"
	"strings"

	"github.com/ringtgt/ringtgt/pdu"
)

// Auth is how initiators and a target authenticate to each other (RFC 7143, 12.1). Without accounts no initiator has to
// authenticate.
type Auth struct {
	Accounts []Account // an initiator may log in with any of them
	// Mutual is the account with which the target authenticates itself if the initiator requests it. If nil, such logins are refused.
	Mutual *Account
	// Algorithms are the accepted algorithms; empty means all. The initiator's order of preference decides.
	Algorithms []CHAPAlgorithm
}

// Account is a CHAP name with its secret.
type Account struct {
	User   string
	Secret []byte
	// Initiators are the initiator names that may use the account. A trailing * matches any suffix; empty means any name.
	Initiators []string
}

// Required reports whether a login has to authenticate.
func (a *Auth) Required() bool { return len(a.Accounts) > 0 }

// Knows reports whether there is an account with that name.
func (a *Auth) Knows(user string) bool {
	return slices.ContainsFunc(a.Accounts, func(acc Account) bool { return acc.User == user })
}

// CHAPAlgorithm is a value of CHAP_A: IANA's registry of PPP authentication algorithms.
type CHAPAlgorithm uint8

const (
	CHAPMD5     CHAPAlgorithm = 5
	CHAPSHA1    CHAPAlgorithm = 6
	CHAPSHA256  CHAPAlgorithm = 7
	CHAPSHA3256 CHAPAlgorithm = 8
)

// chapAlgorithms has the hash function of each algorithm.
var chapAlgorithms = map[CHAPAlgorithm]func() hash.Hash{
	CHAPMD5:     md5.New,
	CHAPSHA1:    sha1.New,
	CHAPSHA256:  sha256.New,
	CHAPSHA3256: func() hash.Hash { return sha3.New256() },
}

func (a *Auth) accepts(alg CHAPAlgorithm) bool {
	return chapAlgorithms[alg] != nil && (len(a.Algorithms) == 0 || slices.Contains(a.Algorithms, alg))
}

// chapState is a CHAP exchange (12.1.3): algorithm, challenge, response.
type chapState struct {
	step      chapStep
	alg       CHAPAlgorithm
	id        byte
	challenge []byte
	account   *Account // the account that was authenticated; nil before chapDone
}

type chapStep uint8

const (
	chapWantsAlgorithm chapStep = iota
	chapWantsResponse
	chapDone
)

var (
	errCHAPMissing   = errors.New("CHAP: keys of this step are missing")
	errCHAPSyntax    = errors.New("CHAP: keys are malformed or not of this step")
	errCHAPAlgorithm = errors.New("CHAP: no common algorithm")
	errCHAPSecret    = errors.New("CHAP: unknown name or wrong secret")
	errCHAPMutual    = errors.New("CHAP: initiator asks for mutual authentication, which is not configured")
	errCHAPReflected = errors.New("CHAP: initiator sent our own challenge back")
)

// advance handles the keys of one login request and appends the answer to out.
func (s *chapState) advance(a *Auth, random func([]byte), get func(key string) (string, bool), out []byte) ([]byte, error) {
	switch s.step {
	case chapWantsAlgorithm:
		list, ok := get("CHAP_A")
		if !ok {
			for _, key := range [...]string{"CHAP_I", "CHAP_C", "CHAP_N", "CHAP_R"} {
				if _, early := get(key); early {
					return out, errCHAPMissing
				}
			}
			return out, nil // AuthMethod alone: CHAP_A comes in the next request
		}
		return s.challengeFor(a, random, list, out)
	case chapWantsResponse:
		return s.verify(a, get, out)
	}
	return out, nil
}

// challengeFor chooses the first algorithm of the initiator's list that we accept, and sends identifier and challenge.
func (s *chapState) challengeFor(a *Auth, random func([]byte), list string, out []byte) ([]byte, error) {
	for item := range strings.SplitSeq(list, ",") {
		n, err := pdu.ParseNumber(item, 0, 255)
		if err != nil || !a.accepts(CHAPAlgorithm(n)) {
			continue
		}
		s.alg = CHAPAlgorithm(n)
		// As long as the hash: shorter ones would weaken it.
		s.challenge = make([]byte, chapAlgorithms[s.alg]().Size())
		random(s.challenge)
		var id [1]byte
		random(id[:])
		s.id = id[0]
		s.step = chapWantsResponse
		out = pdu.AppendText(out, "CHAP_A", strconv.Itoa(int(s.alg)))
		out = pdu.AppendText(out, "CHAP_I", strconv.Itoa(int(s.id)))
		out = pdu.AppendText(out, "CHAP_C", pdu.EncodeHex(s.challenge))
		return out, nil
	}
	return out, errCHAPAlgorithm
}

// verify checks the initiator's response, and answers the initiator's challenge if there is one.
func (s *chapState) verify(a *Auth, get func(key string) (string, bool), out []byte) ([]byte, error) {
	name, ok1 := get("CHAP_N")
	text, ok2 := get("CHAP_R")
	if !ok1 || !ok2 {
		return out, errCHAPMissing // it prevents a reflection attack that 9.2 describes
	}
	response, err := pdu.DecodeBinary(text, maxCHAPBinary)
	if err != nil {
		return out, errCHAPSyntax
	}
	var who *Account
	for i := range a.Accounts {
		// Every account's response is computed, so that the time taken does not reveal which names exist.
		acc := &a.Accounts[i]
		sum := s.response(s.id, acc.Secret, s.challenge)
		if subtle.ConstantTimeCompare(sum, response)&subtle.ConstantTimeCompare([]byte(acc.User), []byte(name)) == 1 {
			who = acc
		}
	}
	// "the same as the CHAP response that the receiving endpoint would have generated ... MUST be treated as an authentication
	// failure" (9.2.1): one secret for both directions.
	if a.Mutual != nil && subtle.ConstantTimeCompare(s.response(s.id, a.Mutual.Secret, s.challenge), response) == 1 {
		who = nil
	}
	if who == nil {
		return out, errCHAPSecret
	}
	idText, hasID := get("CHAP_I")
	chText, hasChallenge := get("CHAP_C")
	if hasID || hasChallenge {
		if !hasID || !hasChallenge {
			return out, errCHAPMissing
		}
		if out, err = s.prove(a, idText, chText, out); err != nil {
			return out, err
		}
	}
	s.step, s.account = chapDone, who
	return out, nil
}

// chapStatus returns the status for an error. "Whenever an iSCSI target gets a request or response whose keys, or their values, are
// not according to the step definition, it MUST answer with a Login reject with the "Initiator Error" or "Missing Parameter" status.
// These statuses are not intended for cryptographically incorrect values" (9.2).
func chapStatus(err error) pdu.LoginStatus {
	switch err {
	case errCHAPMissing:
		return pdu.LoginMissingParameter
	case errCHAPSyntax:
		return pdu.LoginInitiatorError
	}
	return pdu.LoginAuthenticationFailure
}

// user returns the name of the account that logged in, "" without CHAP.
func (s *chapState) user() string {
	if s.account == nil {
		return ""
	}
	return s.account.User
}

// prove answers the initiator's challenge, for mutual authentication.
func (s *chapState) prove(a *Auth, idText, chText string, out []byte) ([]byte, error) {
	if a.Mutual == nil {
		return out, errCHAPMutual
	}
	id, err := pdu.ParseNumber(idText, 0, 255)
	if err != nil {
		return out, errCHAPSyntax
	}
	challenge, err := pdu.DecodeBinary(chText, maxCHAPBinary)
	if err != nil || len(challenge) == 0 {
		return out, errCHAPSyntax
	}
	// "Originators MUST NOT reuse the CHAP challenge sent by the responder" (9.2.1): we would compute its own answer.
	if bytes.Equal(challenge, s.challenge) {
		return out, errCHAPReflected
	}
	out = pdu.AppendText(out, "CHAP_N", a.Mutual.User)
	out = pdu.AppendText(out, "CHAP_R", pdu.EncodeHex(s.response(byte(id), a.Mutual.Secret, challenge)))
	return out, nil
}

// response returns the hash of identifier, secret and challenge (RFC 1994, 4.1).
func (s *chapState) response(id byte, secret, challenge []byte) []byte {
	h := chapAlgorithms[s.alg]()
	h.Write([]byte{id})
	h.Write(secret)
	h.Write(challenge)
	return h.Sum(nil)
}
