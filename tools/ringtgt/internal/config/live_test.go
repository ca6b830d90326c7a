package config

import (
	"fmt"
	"strings"
	"testing"
)

// Two units that one initiator could see under the same number are refused; the rules that cannot meet are not.
func TestExportsOverlap(t *testing.T) {
	host := func(n string) string { return `initiators = ["iqn.2026-11.com.example:` + n + `"]` }
	for _, tt := range []struct {
		name string
		a, b []string // the rules of LUN 0 and LUN 1
		want string   // "": they can be served
	}{
		{"two hosts", []string{host("a") + "\nlun = 0"}, []string{host("b") + "\nlun = 0"}, ""},
		{"one host, two numbers", []string{host("a") + "\nlun = 0"}, []string{host("a") + "\nlun = 1"}, ""},
		{"one host", []string{host("a") + "\nlun = 0"}, []string{host("a") + "\nlun = 0"}, "initiator iqn.2026-11.com.example:a"},
		{"a beginning and a host", []string{host("a*") + "\nlun = 0"}, []string{host("ab") + "\nlun = 0"}, "initiator iqn.2026-11.com.example:ab"},
		{"a host and a beginning", []string{host("ab") + "\nlun = 0"}, []string{host("a*") + "\nlun = 0"}, "initiator iqn.2026-11.com.example:ab"},
		{"two beginnings", []string{host("ab*") + "\nlun = 0"}, []string{host("a*") + "\nlun = 0"}, "initiator iqn.2026-11.com.example:ab*"},
		{"two beginnings apart", []string{host("ab*") + "\nlun = 0"}, []string{host("ac*") + "\nlun = 0"}, ""},
		{"a host and its beginning", []string{host("a") + "\nlun = 0"}, []string{host("ab*") + "\nlun = 0"}, ""},
		{"a host that is a whole beginning", []string{host("a") + "\nlun = 0"}, []string{host("a*") + "\nlun = 0"}, "initiator iqn.2026-11.com.example:a"},
		{"everyone sees a unit without rules", []string{host("a") + "\nlun = 1"}, nil, "initiator iqn.2026-11.com.example:a"},
		{"everyone", []string{"lun = 5"}, []string{"lun = 5"}, "every initiator"},
		{"two accounts", []string{`accounts = ["u"]` + "\nlun = 0"}, []string{`accounts = ["v"]` + "\nlun = 0"}, ""},
		{"one account", []string{`accounts = ["u", "w"]` + "\nlun = 0"}, []string{`accounts = ["v", "u"]` + "\nlun = 0"}, "every initiator with account u"},
		{"a host and an account", []string{host("a") + "\nlun = 0"}, []string{`accounts = ["v"]` + "\nlun = 0"}, "initiator iqn.2026-11.com.example:a with account v"},
		{"a star in an account is a character", []string{`accounts = ["u*"]` + "\nlun = 0"}, []string{`accounts = ["ux"]` + "\nlun = 0"}, ""},
		{"an earlier rule counts", []string{host("a") + "\nlun = 0", "lun = 5"}, []string{host("a") + "\nlun = 5"}, ""},
		{"an earlier rule for a part of them", []string{host("ab") + "\nlun = 0", "lun = 5"}, []string{host("a*") + "\nlun = 5"}, "initiator iqn.2026-11.com.example:a*"},
		{"an earlier rule for an account", []string{host("a") + "\naccounts = [\"u\"]\nlun = 0", "lun = 5"}, []string{host("a") + "\nlun = 5"}, "initiator iqn.2026-11.com.example:a"},
	} {
		text := "[[target]]\nname = \"iqn.2026-11.com.example:t\"\n"
		for n, rules := range [][]string{tt.a, tt.b} {
			text += fmt.Sprintf("[[target.lun]]\nlun = %d\nmemory = \"1M\"\n", n)
			for _, r := range rules {
				text += "[[target.lun.export]]\n" + r + "\n"
			}
		}
		var ps Problems
		c, _ := readText("f.toml", []byte(text), false, false, &ps)
		c.defaults(Flags{Config: "f.toml"}, &ps)
		validate(c, &ps)
		switch {
		case tt.want == "" && len(ps) > 0:
			t.Errorf("%s: %v", tt.name, ps)
		case tt.want != "" && (len(ps) != 1 || !strings.Contains(ps.Error(), "would be two units for "+tt.want+": ") || strings.Count(ps.Error(), "f.toml:") != 2):
			t.Errorf("%s: %v; want one problem with %s and both positions", tt.name, ps, tt.want)
		}
	}
}

func TestPoolNames(t *testing.T) {
	for _, name := range []string{"a", "fast-1", "A_b.c"} {
		if err := CheckPool(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"", ".", "..", ".a", "-a", "a/b", "a b", "ä", strings.Repeat("a", 65)} {
		if CheckPool(name) == nil {
			t.Errorf("%q is taken", name)
		}
	}
}
