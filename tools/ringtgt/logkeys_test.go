package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/internal/rawclient"
)

// Every line of a JSON log is one object in which no key comes twice: decoders keep the first or the last of two values, and some
// collectors refuse the line.
func TestLogKeysAreUnique(t *testing.T) {
	s := serve(t, nil, "--listen", "127.0.0.1:0", "--lun", "mem:16M", "--log-format", "json", "--log-level", "debug")
	for i, target := range []string{"iqn.2026-11.io.ringtgt:disk0", "iqn.2026-11.io.ringtgt:none"} {
		c := must.Get(rawclient.Dial(s.portal, 0))(t)
		p := must.Get(c.LogIn(rawclient.OneRequest([6]byte{0x80, 0, 0, 0, 0, byte(i)}), rawclient.Text("InitiatorName", "iqn.2026-11.io.example:host", "TargetName", target)))(t)
		check.Equal(t, p.Status() == 0, i == 0, "%s: it is let in", target)
		c.Close()
	}
	s.stop(t)
	seen := map[string]bool{}
	for line := range strings.Lines(s.text()) {
		keys, err := objectKeys(line)
		must.OK(t, err, "%s", line)
		msg := ""
		for _, k := range keys {
			if k == "msg" {
				var m struct{ Msg string }
				must.OK(t, json.Unmarshal([]byte(line), &m))
				msg = m.Msg
			}
		}
		must.Be(t, msg != "", "a line without a message: %s", line)
		seen[msg] = true
	}
	for _, want := range []string{"serving", "steering", "login", "login refused", "stopped"} {
		check.That(t, seen[want], "no line says %q:\n%s", want, s.text())
	}
}

// objectKeys returns the keys of a JSON object, or an error if it has one twice, at any depth.
func objectKeys(text string) (keys []string, err error) {
	d := json.NewDecoder(strings.NewReader(text))
	keys, err = decodeValue(d)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("there is more after the object")
	}
	return keys, nil
}

// decodeValue reads one value, and returns its keys if it is an object.
func decodeValue(d *json.Decoder) (keys []string, err error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	delim, ok := t.(json.Delim)
	if !ok {
		return nil, nil
	}
	seen := map[string]bool{}
	for d.More() {
		if delim == '{' {
			k, err := d.Token()
			if err != nil {
				return nil, err
			}
			key := k.(string)
			if seen[key] {
				return nil, fmt.Errorf("key %q comes twice", key)
			}
			seen[key] = true
			keys = append(keys, key)
		}
		if _, err := decodeValue(d); err != nil {
			return nil, err
		}
	}
	_, err = d.Token() // its end
	return keys, err
}

func TestObjectKeys(t *testing.T) {
	for text, ok := range map[string]bool{
		`{"a":1,"b":{"a":[{"a":2},{"a":3}]}}`: true, `{"a":1,"b":2,"a":3}`: false, `{"a":{"b":1,"b":1}}`: false,
		`{"a":[{"b":1,"b":1}]}`: false, `{"a":1`: false, `{"a":1}{"a":1}`: false,
	} {
		_, err := objectKeys(text)
		check.Equal(t, err == nil, ok, "%s: it is accepted", text)
	}
}
