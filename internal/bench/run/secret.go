package run

import (
	"bytes"
	"errors"
	"fmt"
	"os"

	"github.com/ringtgt/ringtgt/bench/initiator"
)

// credentials gathers what the login needs. No problem that it reports contains a secret.
func (o *Options) credentials(u URL) (c initiator.CHAP, problems []string) {
	add := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	if u.HasSecret && (o.CHAP.SecretFile != "" || o.CHAP.SecretEnv != "") {
		add("%s: there is a secret in it, and another by --chap-secret-file or --chap-secret-env: want one", u)
	}
	secret, given, err := read("chap-secret", o.CHAP.SecretFile, o.CHAP.SecretEnv)
	switch {
	case err != nil:
		add("%v", err)
	case given:
		c.Secret = secret
	default:
		c.Secret, given = u.Secret, u.HasSecret
	}
	c.User = u.User
	switch {
	case err != nil:
	case given && u.User == "":
		add("%s: a secret for CHAP and no USER: %s", u, urlAllowed)
	case !given && u.User != "":
		add("%s: there is no secret for %s: want USER%%SECRET, --chap-secret-file FILE or --chap-secret-env NAME", u, u.User)
	case given && c.Secret == "":
		add("%s: the secret of %s is empty", u, u.User)
	}
	problems = append(problems, o.mutual(u, &c)...)
	return c, problems
}

// mutual adds what the target must prove.
func (o *Options) mutual(u URL, c *initiator.CHAP) (problems []string) {
	add := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	mutual, given, err := read("mutual-chap-secret", o.CHAP.MutualSecretFile, o.CHAP.MutualSecretEnv)
	switch {
	case err != nil:
		add("%v", err)
	case given && u.User == "":
		add("--mutual-chap-secret-*: the target can be asked to prove itself only where the URL has a USER (RFC 7143 12.1.3)")
	case given && mutual == "":
		add("--mutual-chap-secret-*: the secret is empty")
	case given && mutual == c.Secret:
		add("--mutual-chap-secret-*: it is the secret of %s: either side could then answer with what the other sent (RFC 7143 9.2.1)", u.User)
	case !given && o.CHAP.MutualUser != "":
		add("--mutual-chap-user %s: there is no secret: want --mutual-chap-secret-file FILE or --mutual-chap-secret-env NAME", o.CHAP.MutualUser)
	}
	c.MutualUser, c.MutualSecret = o.CHAP.MutualUser, mutual
	return problems
}

// read takes a secret from a file, all of it but one line end, or from the environment.
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
		return "", true, fmt.Errorf("--%s-file %s: there is nothing in it", flag, file)
	}
	text := bytes.TrimSuffix(bytes.TrimSuffix(buf[:n], []byte("\n")), []byte("\r"))
	return checked(flag+"-file", file, string(text))
}

func checked(flag, value, secret string) (string, bool, error) {
	if len(secret) > maxSecret {
		return "", true, fmt.Errorf("--%s %s: more than %d bytes are no secret", flag, value, maxSecret)
	}
	return secret, true, nil
}

// bare is an error of a file without the file's name, which stands in front of it already.
func bare(err error) error {
	if e := new(os.PathError); errors.As(err, &e) {
		return e.Err
	}
	return err
}
