package run

import (
	"slices"
	"strings"
	"testing"
)

func TestParseURL(t *testing.T) {
	const iqn = "iqn.2026-11.io.ringtgt:disk0"
	for s, want := range map[string]URL{
		"iscsi://10.0.0.7":                             {Host: "10.0.0.7", Port: 3260},
		"iscsi://10.0.0.7/":                            {Host: "10.0.0.7", Port: 3260},
		"iscsi://storage.example:3261/" + iqn:          {Host: "storage.example", Port: 3261, Target: iqn},
		"iscsi://[2001:db8::7]/" + iqn + "/7":          {Host: "2001:db8::7", Port: 3260, Target: iqn, LUN: 7},
		"iscsi://[::1]:3261/" + iqn + "/16383":         {Host: "::1", Port: 3261, Target: iqn, LUN: 16383},
		"iscsi://u@h/naa.52004567ba64678d":             {User: "u", Host: "h", Port: 3260, Target: "naa.52004567ba64678d"},
		"iscsi://u%s3cret@h":                           {User: "u", Secret: "s3cret", HasSecret: true, Host: "h", Port: 3260},
		"iscsi://u%@h":                                 {User: "u", HasSecret: true, Host: "h", Port: 3260},
		"iscsi://u%a/b@c%d:e@h:1/eui.02004567A425678D": {User: "u", Secret: "a/b@c%d:e", HasSecret: true, Host: "h", Port: 1, Target: "eui.02004567A425678D"},
	} {
		u, err := ParseURL(s)
		if err != nil || u != want {
			t.Errorf("%s: %+v, %v, want %+v", s, u, err, want)
		}
		if strings.Contains(u.String(), "s3cret") {
			t.Errorf("%s has the secret", u)
		}
		if again, err := ParseURL(u.String()); u.User == "" && (err != nil || again != u) {
			t.Errorf("%s: %+v, %v: it does not read what it writes", u, again, err)
		}
	}
	for s, why := range map[string]string{
		"":                                   "does not begin with",
		"http://h":                           "does not begin with",
		"iscsi://":                           "there is no HOST",
		"iscsi://:3260":                      "there is no HOST",
		"iscsi://u%s3cret@":                  "there is no HOST",
		"iscsi://@h":                         "there is no USER",
		"iscsi://h:0":                        `port "0"`,
		"iscsi://h:65536":                    `port "65536"`,
		"iscsi://h:x":                        `port "x"`,
		"iscsi://::1":                        "an IPv6 address stands in brackets",
		"iscsi://[::1":                       "portal",
		"iscsi://[::g]":                      "is no IPv6 address",
		"iscsi://h/0":                        `target "0": a name begins with "iqn.", "eui." or "naa."`,
		"iscsi://h/iqn.a b":                  "no spaces",
		"iscsi://h/" + iqn + "/x":            `LUN "x"`,
		"iscsi://h/" + iqn + "/16384":        `LUN "16384"`,
		"iscsi://h/" + iqn + "/-1":           `LUN "-1"`,
		"iscsi://u%s3cret@h/" + iqn + "/0/1": `LUN "0/1"`,
	} {
		_, err := ParseURL(s)
		if err == nil || !strings.Contains(err.Error(), why) || !strings.Contains(err.Error(), urlAllowed) {
			t.Errorf("%s: %v, want %s", s, err, why)
		} else if strings.Contains(err.Error(), "s3cret") {
			t.Errorf("the error has the secret: %v", err)
		}
	}
}

// No secret is left, wherever the URL stands; nothing else changes.
func TestRedact(t *testing.T) {
	got := Redact([]string{
		"ringtgt", "bench", "iscsi://u%s3cret@h/iqn.x", "--compare=iscsi://u%a@b%c@h", "--chap-secret-file", "f", "iscsi://u@h", "100%", "iscsi://u%s3cret@", "iscsi://u%***@h",
	})
	want := []string{
		"ringtgt", "bench", "iscsi://u%***@h/iqn.x", "--compare=iscsi://u%***@h", "--chap-secret-file", "f", "iscsi://u@h", "100%", "iscsi://u%***@", "iscsi://u%***@h",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func FuzzParseURL(f *testing.F) {
	f.Add("iscsi://u%s@[::1]:3260/iqn.2026-11.io.ringtgt:disk0/0")
	f.Fuzz(func(t *testing.T, s string) {
		u, err := ParseURL(s)
		if err != nil {
			return
		}
		if again, err := ParseURL(u.String()); err != nil || again.Host != u.Host || again.Port != u.Port || again.Target != u.Target {
			t.Errorf("%q: %+v, %q: %+v, %v", s, u, u, again, err)
		}
	})
}
