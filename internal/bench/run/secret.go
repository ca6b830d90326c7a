package run

import (
	"bytes"
	"errors"
	"fmt"
	"os"

	"github.com/ringtgt/ringtgt/bench/initiator"
)

// credentials collects what the login needs. No problem that it reports contains a secret.
func (p *plan) credentials(bad *problems) (c initiator.CHAP) {
	u := p.url
	if u.HasSecret && (p.CHAP.SecretFile != "" || p.CHAP.SecretEnv != "") {
		bad.add("%s: there is a secret in it, and another by --chap-secret-file or --chap-secret-env: want one", u)
	}
	c = initiator.CHAP{User: u.User, MutualUser: p.CHAP.MutualUser}
	c.Secret = p.secret(bad)
	c.MutualSecret = p.mutualSecret(bad, c.Secret)
	return c
}

// secret is what proves us to the target.
func (p *plan) secret(bad *problems) string {
	u := p.url
	secret, given, err := read("chap-secret", p.CHAP.SecretFile, p.CHAP.SecretEnv)
	if !given {
		secret, given = u.Secret, u.HasSecret
	}
	switch {
	case err != nil:
		bad.add("%v", err)
	case given && u.User == "":
		bad.add("%s: a secret for CHAP and no USER: %s", u, urlAllowed)
	case !given && u.User != "":
		bad.add("%s: there is no secret for %s: want USER%%SECRET, --chap-secret-file FILE or --chap-secret-env NAME", u, u.User)
	case given && secret == "":
		bad.add("%s: the secret of %s is empty", u, u.User)
	}
	return secret
}

// mutualSecret is what proves the target to us.
func (p *plan) mutualSecret(bad *problems, secret string) string {
	u := p.url
	mutual, given, err := read("mutual-chap-secret", p.CHAP.MutualSecretFile, p.CHAP.MutualSecretEnv)
	switch {
	case err != nil:
		bad.add("%v", err)
	case given && u.User == "":
		bad.add("--mutual-chap-secret-*: the target can be asked to prove itself only where the URL has a USER (RFC 7143 12.1.3)")
	case given && mutual == "":
		bad.add("--mutual-chap-secret-*: the secret is empty")
	case given && mutual == secret:
		bad.add("--mutual-chap-secret-*: it is the secret of %s: either side could then answer with what the other sent (RFC 7143 9.2.1)", u.User)
	case !given && p.CHAP.MutualUser != "":
		bad.add("--mutual-chap-user %s: there is no secret: want --mutual-chap-secret-file FILE or --mutual-chap-secret-env NAME", p.CHAP.MutualUser)
	}
	return mutual
}

// read takes a secret from a file, without the end of its line, or from the environment.
func read(flag, file, env string) (secret string, given bool, err error) {
	switch {
	case file != "" && env != "":
		return "", true, fmt.Errorf("--%s-file and --%s-env: want one of them", flag, flag)
	case env != "":
		secret, ok := os.LookupEnv(env)
		if !ok {
			return "", true, fmt.Errorf("--%s-env %s: there is no such environment variable", flag, env)
		}
		return checked(flag+"-env", env, secret)
	case file == "":
		return "", false, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return "", true, fmt.Errorf("--%s-file %s: %w", flag, file, bare(err))
	}
	defer f.Close()
	buf := make([]byte, maxSecretFile+1)
	n, err := f.Read(buf)
	if n == 0 && err != nil {
		return "", true, fmt.Errorf("--%s-file %s: it is empty", flag, file)
	}
	text := bytes.TrimSuffix(bytes.TrimSuffix(buf[:n], []byte("\n")), []byte("\r"))
	return checked(flag+"-file", file, string(text))
}

func checked(flag, value, secret string) (string, bool, error) {
	if len(secret) > maxSecret {
		return "", true, fmt.Errorf("--%s %s: a secret has at most %d bytes", flag, value, maxSecret)
	}
	return secret, true, nil
}

// bare removes the file's name from an error that already begins with it.
func bare(err error) error {
	if e := new(os.PathError); errors.As(err, &e) {
		return e.Err
	}
	return err
}

// Credentials collects what a login to u needs, as `ringtgt bench` does. The error is a *UsageError.
func Credentials(u URL, c CHAP) (initiator.CHAP, error) {
	p := &plan{Options: Options{CHAP: c}, url: u}
	var bad problems
	got := p.credentials(&bad)
	if len(bad) > 0 {
		return got, &UsageError{bad}
	}
	return got, nil
}
