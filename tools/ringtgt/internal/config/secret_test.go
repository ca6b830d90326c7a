package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/must"
)

func loadText(t *testing.T, text string, check bool) (*Config, Problems) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "c.toml")
	must.OK(t, os.WriteFile(path, []byte(text), 0o600))
	return Load(Flags{Config: path}, check)
}

// "Any CHAP secret used for initiator authentication MUST NOT be configured for authentication of any target" (RFC 7143 9.2.1),
// anywhere in the configuration. Two accounts with the same secret are a warning.
func TestSecretsOfTheWholeConfiguration(t *testing.T) {
	target := func(name, account, mutual string) string {
		return `[[target]]
name = "iqn.2026-11.io.ringtgt:` + name + `"
chap = { user = "` + name + `", secret = "` + account + `" }
mutual_chap = { user = "storage", secret = "` + mutual + `" }
lun = [{ lun = 0, memory = "1M" }]
`
	}
	account := func(user, secret string) string {
		return "[[target.account]]\nuser = \"" + user + "\"\nsecret = \"" + secret + "\"\n"
	}
	const s1, s2, s3, s4 = "twelvebytes1", "twelvebytes2", "twelvebytes3", "twelvebytes4"
	discovery := "[discovery]\nchap = { user = \"lister\", secret = \"" + s4 + "\" }\n"
	mutual := "mutual_chap = { user = \"storage\", secret = \"" + s1 + "\" }\n"
	const both, same = "the secret of mutual_chap is that of chap", "have one secret"
	for name, c := range map[string]struct {
		text, want string
		warning    bool
	}{
		"all differ":                    {text: discovery + target("a", s1, s3) + target("b", s2, s3)},
		"within a target":               {text: target("a", s1, s1), want: both},
		"of two targets":                {text: target("a", s1, s2) + target("b", s2, s3), want: both},
		"of two, the other way":         {text: target("a", s1, s3) + target("b", s2, s1), want: both},
		"of discovery and a target":     {text: discovery + target("a", s1, s4), want: both},
		"of a target and discovery":     {text: discovery + mutual + target("a", s1, s3), want: both},
		"of a further account":          {text: target("a", s1, s2) + account("c", s2), want: both},
		"of two accounts":               {text: target("a", s1, s3) + target("b", s1, s3), want: same, warning: true},
		"of two accounts of a target":   {text: target("a", s1, s3) + account("c", s1), want: same, warning: true},
		"of one account of two targets": {text: target("a", s1, s3) + strings.Replace(target("b", s1, s3), `user = "b"`, `user = "a"`, 1)},
	} {
		_, ps := loadText(t, c.text, false)
		switch {
		case c.want == "" && len(ps) > 0:
			t.Errorf("%s: %v; want no problem", name, ps)
		case c.want != "" && (len(ps) != 1 || ps[0].Warning != c.warning || !strings.Contains(ps[0].Text, c.want)):
			t.Errorf("%s: %v; want %q, as a warning: %t", name, ps, c.want, c.warning)
		}
	}
}

// Secrets that `check` cannot read are not the same secret.
func TestSecretsThatAreUnknown(t *testing.T) {
	_, ps := loadText(t, `[[target]]
name = "iqn.2026-11.io.ringtgt:a"
lun = [{ lun = 0, memory = "1M" }]
chap = { user = "a", secret_env = "RINGTGT_TEST_NOT_SET" }
account = [{ user = "b", secret_env = "RINGTGT_TEST_NOT_SET" }]
mutual_chap = { user = "storage", secret_env = "RINGTGT_TEST_NOT_SET" }
`, true)
	for _, p := range ps {
		if !strings.Contains(p.Text, "RINGTGT_TEST_NOT_SET") {
			t.Error(p)
		}
	}
	if len(ps.Errors()) > 0 {
		t.Errorf("errors: %v", ps.Errors())
	}
}

// An account may name the initiators that it is for.
func TestAccountInitiators(t *testing.T) {
	load := func(list string) (*Config, Problems) {
		return loadText(t, "[[target]]\nname = \"iqn.2026-11.io.ringtgt:a\"\nlun = [{ lun = 0, memory = \"1M\" }]\n"+
			"[target.chap]\nuser = \"a\"\nsecret = \"twelvebytes1\"\n"+
			"[[target.account]]\nuser = \"b\"\nsecret = \"twelvebytes2\"\ninitiators = "+list+"\n"+
			"[[target.account]]\nuser = \"c\"\nsecret = \"twelvebytes3\"\n", false)
	}
	const host, spares = "iqn.2026-11.com.example:host-7", "iqn.2026-11.com.example:spare.*"
	c, ps := load(`["` + host + `", "` + spares + `"]`)
	if len(ps) > 0 {
		t.Fatal(ps)
	}
	for i, want := range [][]string{nil, {host, spares}, nil} {
		if got := c.Targets[0].Access.Accounts[i].Initiators; !reflect.DeepEqual(got, want) {
			t.Errorf("account %d is for %q, want %q", i, got, want)
		}
	}
	for list, want := range map[string]string{
		`[]`:                             "initiators is empty",
		`["host 7"]`:                     `initiator "host 7"`,
		`["iqn.2026-11.com.example:A*"]`: "lower case",
	} {
		if _, ps := load(list); !strings.Contains(ps.Error(), want) {
			t.Errorf("%s: %v; want %q", list, ps, want)
		}
	}
	c, ps = loadText(t, "[[target]]\nname = \"iqn.2026-11.io.ringtgt:a\"\nlun = [{ lun = 0, memory = \"1M\" }]\n"+
		"chap = { user = \"a\", secret = \"twelvebytes1\", initiators = [\""+host+"\"] }\n", false)
	if len(ps) > 0 || !reflect.DeepEqual(c.Targets[0].Access.Accounts[0].Initiators, []string{host}) {
		t.Errorf("of chap itself: %v", ps)
	}
}
