package kerneltest

import (
	"reflect"
	"testing"
)

func TestParseMessage(t *testing.T) {
	for _, test := range []struct {
		line string
		want message
	}{
		{"READY", message{kind: messageReady}},
		{"READY\r\n", message{kind: messageReady}},
		{"LOG mkfs.ext4 /dev/sda", message{kind: messageLog, text: "mkfs.ext4 /dev/sda"}},
		{"LOG", message{kind: messageLog}},
		{"HOST link off", message{kind: messageHost, name: "link", args: []string{"off"}}},
		{"HOST sync", message{kind: messageHost, name: "sync", args: []string{}}},
		{"CASE login PASS", message{kind: messageCase, name: "login", passed: true}},
		{"CASE login PASS 3 s", message{kind: messageCase, name: "login", passed: true, text: "3 s"}},
		{"CASE login FAIL want 24, got 0\r", message{kind: messageCase, name: "login", text: "want 24, got 0"}},
	} {
		got, err := parseMessage(test.line)
		if err != nil || !reflect.DeepEqual(got, test.want) {
			t.Errorf("parseMessage(%q) = %+v, %v; want %+v", test.line, got, err, test.want)
		}
	}
}

// A line that is cut or mixed with kernel output must never count as a pass.
func TestParseMessageRefuses(t *testing.T) {
	for _, line := range []string{
		"", "CASE", "CASE login", "CASE login PASSED", "CASE  PASS", "CASE PASS", "case login PASS",
		"HOST", "HOST ", "READY now", "[ 1.0] CASE login PASS", "PASS",
	} {
		if got, err := parseMessage(line); err == nil {
			t.Errorf("parseMessage(%q) = %+v; want an error", line, got)
		}
	}
}
