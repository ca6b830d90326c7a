package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func loadText(t *testing.T, text string) Problems {
	t.Helper()
	path := filepath.Join(t.TempDir(), "c.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, ps := Load(Flags{Config: path}, false)
	return ps
}

// "Any CHAP secret used for initiator authentication MUST NOT be configured for authentication of any target" (RFC 7143 9.2.1):
// of any, wherever in the configuration. One secret for two accounts is warned of.
func TestSecretsOfTheWholeConfiguration(t *testing.T) {
	target := func(name, account, mutual string) string {
		return `[[target]]
name = "iqn.2026-11.io.ringtgt:` + name + `"
chap = { user = "` + name + `", secret = "` + account + `" }
mutual_chap = { user = "storage", secret = "` + mutual + `" }
lun = [{ lun = 0, memory = "1M" }]
`
	}
	const s1, s2, s3, s4 = "twelvebytes1", "twelvebytes2", "twelvebytes3", "twelvebytes4"
	discovery := "[discovery]\nchap = { user = \"lister\", secret = \"" + s4 + "\" }\n"
	for name, c := range map[string]struct{ text, want string }{
		"all differ":                {discovery + target("a", s1, s3) + target("b", s2, s3), ""},
		"within a target":           {target("a", s1, s1), "the secret of mutual_chap is that of chap"},
		"of two targets":            {target("a", s1, s2) + target("b", s2, s3), "the secret of mutual_chap is that of chap"},
		"of two, the other way":     {target("a", s1, s3) + target("b", s2, s1), "the secret of mutual_chap is that of chap"},
		"of discovery and a target": {discovery + target("a", s1, s4), "the secret of mutual_chap is that of chap"},
		"of two accounts":           {target("a", s1, s3) + target("b", s1, s3), "have one secret"},
	} {
		ps := loadText(t, c.text)
		if c.want == "" && len(ps) > 0 || c.want != "" && !strings.Contains(ps.Error(), c.want) {
			t.Errorf("%s: %v; want %q", name, ps, c.want)
		}
	}
}

// An account may name the initiators that it is for.
func TestAccountInitiators(t *testing.T) {
	for list, want := range map[string]string{
		`["iqn.2026-11.com.example:host-7", "iqn.2026-11.com.example:spare.*"]`: "",
		`[]`:                             "initiators is empty",
		`["host 7"]`:                     `initiator "host 7"`,
		`["iqn.2026-11.com.example:A*"]`: "lower case",
	} {
		ps := loadText(t, "[[target]]\nname = \"iqn.2026-11.io.ringtgt:a\"\nlun = [{ lun = 0, memory = \"1M\" }]\n"+
			"[target.chap]\nuser = \"a\"\nsecret = \"twelvebytes1\"\ninitiators = "+list+"\n")
		if want == "" && len(ps) > 0 || want != "" && !strings.Contains(ps.Error(), want) {
			t.Errorf("%s: %v; want %q", list, ps, want)
		}
	}
}
