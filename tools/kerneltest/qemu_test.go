package kerneltest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
)

// fakeGuest answers on the control channel as a script says: what it sends after each line it receives. The last line it
// received is kept for the test.
func fakeGuest(t *testing.T, script func(received string) []string) *guest {
	t.Helper()
	ours, theirs := net.Pipe()
	t.Cleanup(func() { ours.Close() })
	go func() {
		defer theirs.Close()
		lines := bufio.NewScanner(theirs)
		for lines.Scan() {
			answers := script(lines.Text())
			if answers == nil {
				return
			}
			for _, answer := range answers {
				fmt.Fprintln(theirs, answer)
			}
		}
	}()
	g := &guest{control: ours, lines: make(chan message, 16), console: newConsole(io.Discard, nil)}
	go g.readControl()
	return g
}

func TestRunCase(t *testing.T) {
	var received, logged, asked []string
	g := fakeGuest(t, func(line string) []string {
		received = append(received, line)
		switch line {
		case "RUN link 7":
			return []string{"LOG one", "noise that is no control line", "HOST link off"}
		case "OK":
			return []string{"HOST target start"}
		default:
			return []string{"CASE link PASS fine"}
		}
	})
	host := func(verb string, args []string) error {
		asked = append(asked, verb+" "+strings.Join(args, " "))
		if verb == "target" {
			return errors.New("no\nway")
		}
		return nil
	}
	detail, err := g.runCase("link", 7*time.Second, host, func(text string) { logged = append(logged, text) })
	check.That(t, err == nil && detail == "fine", "detail %q, %v; want a pass", detail, err)
	if want := []string{"RUN link 7", "OK", "ERR no way"}; !slices.Equal(received, want) {
		t.Errorf("the guest received %q, want %q", received, want)
	}
	if want := []string{"link off", "target start"}; !slices.Equal(asked, want) {
		t.Errorf("the host was asked for %q, want %q", asked, want)
	}
	if want := []string{"one"}; !slices.Equal(logged, want) {
		t.Errorf("logged %q, want %q", logged, want)
	}
}

// Nothing but a PASS of the very case is a pass.
func TestRunCaseFails(t *testing.T) {
	for _, test := range []struct {
		name    string
		answers []string // nil: the guest goes away
		want    string
	}{
		{"failed", []string{"CASE a FAIL 3 bytes differ"}, "3 bytes differ"},
		{"another case", []string{"CASE b PASS"}, "unexpected message"},
		{"a second boot", []string{"READY"}, "unexpected message"},
		{"gone", nil, "the guest is gone"},
	} {
		g := fakeGuest(t, func(string) []string { return test.answers })
		detail, err := g.runCase("a", time.Second, nil, func(string) {})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %q, %v; want an error with %q", test.name, detail, err, test.want)
		}
	}
}

// The monitor's answers are told from greeting and events, and an error is one.
func TestMonitor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "qmp")
	listener := must.Get(net.Listen("unix", path))(t)
	defer listener.Close()
	requests := make(chan string, 8)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		fmt.Fprintln(conn, `{"QMP": {"version": {}, "capabilities": []}}`)
		answers := []string{
			`{"return": {}}`,
			`{"event": "NIC_RX_FILTER_CHANGED", "data": {"name": "nic0"}}` + "\n" + `{"return": {}}`,
			`{"error": {"class": "DeviceNotFound", "desc": "Device 'nic0' not found"}}`,
		}
		lines := bufio.NewScanner(conn)
		for _, answer := range answers {
			if !lines.Scan() {
				return
			}
			requests <- lines.Text()
			fmt.Fprintln(conn, answer)
		}
	}()
	m := must.Get(dialMonitor(path))(t)
	defer m.conn.Close()
	check.OK(t, m.setLink(false), "set_link")
	if err := m.setLink(true); err == nil || !strings.Contains(err.Error(), "Device 'nic0' not found") {
		t.Errorf("set_link that qemu refuses: %v", err)
	}
	<-requests
	check.Equal(t, <-requests, `{"arguments":{"name":"nic0","up":false},"execute":"set_link"}`, "request")
	check.That(t, m.setLink(true) != nil, "set_link after qemu has gone succeeded")
}

func TestConsoleTail(t *testing.T) {
	var all strings.Builder
	c := newConsole(&all, nil)
	c.read(strings.NewReader("before\n"))
	c.mark()
	for i := range consoleTail + 1 {
		c.add(fmt.Sprint("line ", i, "."))
	}
	c.read(strings.NewReader("last\r\nno end"))
	text := c.text()
	for _, gone := range []string{"before", "line 0.", "line 2."} {
		check.That(t, !strings.Contains(text, gone), "%q is still among the last %d lines", gone, consoleTail)
	}
	for _, there := range []string{"line 3.", "last\n", "no end"} {
		check.That(t, strings.Contains(text, there), "%q is missing", there)
	}
	check.That(t, strings.Contains(all.String(), "before"), "the whole console lacks what came before the mark")
}
