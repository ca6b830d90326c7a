package config

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

// secretRule selects how to treat an unreadable secret: serve needs it, but check may run without the daemon's
// environment.
type secretRule bool

const (
	secretNeeded   secretRule = false
	secretOptional secretRule = true
)

// chap reads the keys of t for CHAP: [chap], further accounts [[account]], and [mutual_chap].
func (r *reader) chap(t *table, a *Access) {
	if s := t.table("chap"); s != nil {
		if !s.doc.owned || s.has("user") { // by command, the algorithms can be set before there is an account
			acc := r.account(s)
			acc.Initiators = r.initiators(s)
			a.Accounts = append(a.Accounts, acc)
		}
		names, at := s.strings("algorithms")
		a.Algorithms = r.algorithms(names, at)
		if v, ok := s.values["algorithms"].([]any); ok && len(v) == 0 {
			r.ps.add(s.at("algorithms"), "algorithms is empty: no initiator could log in")
		}
		s.close()
	}
	t.tables("account", func(s *table) {
		acc := r.account(s)
		acc.Initiators = r.initiators(s)
		a.Accounts = append(a.Accounts, acc)
		s.close()
	})
	if s := t.table("mutual_chap"); s != nil {
		m := r.account(s)
		a.Mutual = &m
		s.close()
	}
}

// account reads a CHAP name and its secret: exactly one of secret, secret_file and secret_env.
func (r *reader) account(t *table) Account {
	a := Account{At: t.where()}
	if t.str("user", &a.User) {
		if err := CheckUser(a.User); err != nil {
			r.ps.add(t.at("user"), "user: %v", err)
		}
	} else {
		t.needs(a.At, "user is missing", "user")
	}
	var value string
	var given []string
	for _, key := range []string{"secret", "secret_file", "secret_env"} {
		if t.has(key) {
			given = append(given, key)
		}
		if !t.str(key, &value) {
			continue
		}
		a.At = t.at(key)
		switch key {
		case "secret":
			a.Secret = []byte(value)
			r.length(a.At, key, a.Secret)
		case "secret_file":
			a.Secret, a.SecretFile = r.secretFile(a.At, value), r.path(value)
		case "secret_env":
			a.Secret, a.SecretEnv = r.secretEnv(a.At, value), value
		}
	}
	switch len(given) {
	case 1:
	case 0:
		t.needs(t.where(), "exactly one of secret, secret_file and secret_env is needed", "secret", "secret_file", "secret_env")
	default:
		r.ps.add(t.where(), "exactly one of secret, secret_file and secret_env is needed%s", listed(given))
	}
	return a
}

// length checks a secret's length.
func (r *reader) length(at Where, what string, secret []byte) {
	if err := CheckSecret(secret); err != nil {
		r.ps.add(at, "%s: %v", what, err)
	}
}

// CheckSecret returns what is wrong with the length of a CHAP secret (RFC 7143 9.2.1).
func CheckSecret(secret []byte) error {
	switch {
	case len(secret) < minSecret:
		return fmt.Errorf("the secret has %d bytes; fewer than %d (96 bits) are too easy to guess (RFC 7143 9.2.1)", len(secret), minSecret)
	case len(secret) > maxSecret:
		return fmt.Errorf("the secret has %d bytes; initiators accept at most %d", len(secret), maxSecret)
	}
	return nil
}

// secretFile reads a secret from a file: all of it but one line end.
func (r *reader) secretFile(at Where, name string) []byte {
	if name == "" {
		r.ps.add(at, "secret_file is empty")
		return nil
	}
	path := r.path(name)
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("is not a regular file")
	}
	if err == nil && info.Size() > maxSecret+2 {
		err = fmt.Errorf("has %d bytes, which is not a valid secret", info.Size())
	}
	var secret []byte
	if err == nil {
		secret, err = os.ReadFile(path)
	}
	if err != nil {
		var pe *os.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		r.ps.add(at, "secret_file %s: %v", path, err)
		return nil
	}
	if info.Mode().Perm()&0o007 != 0 {
		r.ps.warn(at, "secret_file %s can be read by every user of this machine (mode %04o); chmod 600 it", path, info.Mode().Perm())
	}
	secret = bytes.TrimSuffix(bytes.TrimSuffix(secret, []byte("\n")), []byte("\r"))
	r.length(at, "secret_file "+path, secret)
	return secret
}

func (r *reader) secretEnv(at Where, name string) []byte {
	value, ok := r.env(name)
	switch {
	case name == "" || strings.ContainsAny(name, "= "):
		r.ps.add(at, "secret_env %q is not the name of an environment variable", name)
	case !ok && r.absent == secretOptional:
		r.ps.warn(at, "the environment variable %s is not set here; serve will need it", name)
	case !ok:
		r.ps.add(at, "the environment variable %s is not set", name)
	default:
		r.length(at, "secret_env "+name, []byte(value))
		return []byte(value)
	}
	return nil
}

// chapAlgorithms are the names that algorithms takes, those that open-iscsi uses; case does not matter.
var chapAlgorithms = []string{"sha3-256", "sha256", "sha1", "md5"}

func (r *reader) algorithms(names []string, at []Where) (out []string) {
	for i, n := range names {
		lower := strings.ToLower(n)
		switch {
		case !slices.Contains(chapAlgorithms, lower):
			r.ps.add(at[i], "there is no CHAP algorithm %q; the algorithms are %s", n, strings.Join(chapAlgorithms, ", "))
		case slices.Contains(out, lower):
			r.ps.add(at[i], "%s is there twice", n)
		default:
			out = append(out, lower)
		}
	}
	return out
}
