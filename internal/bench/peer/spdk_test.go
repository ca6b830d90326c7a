package peer

import (
	"encoding/json"
	"net"
	"path/filepath"
	"strings"
	"testing"
)

// SPDK reads its configuration strictly, so it names what it is asked to serve, and where.
func TestSPDKConfig(t *testing.T) {
	text, err := spdkConfig("127.0.0.1:4711", 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if !json.Valid(text) {
		t.Fatalf("no JSON: %s", text)
	}
	for _, want := range []string{
		`"num_blocks":2048`, `"port":"4711"`, `"first_burst_length":65536`, `"name":"disk"`, `"node_base":"iqn.2016-06.io.spdk"`, `"bdev_name":"Malloc0"`,
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
	if spdkIQN != "iqn.2016-06.io.spdk:disk" {
		t.Errorf("the target is %s", spdkIQN)
	}
}

// The ticks are those of the only reactor; an answer that has none is an error.
func TestSPDKTicks(t *testing.T) {
	for _, c := range []struct {
		name, answer, fails string
	}{
		{"one reactor", `{"jsonrpc":"2.0","id":1,"result":{"tick_rate":1,"reactors":[{"lcore":0,"busy":30,"idle":70}]}}`, ""},
		{"none", `{"jsonrpc":"2.0","id":1,"result":{"reactors":[]}}`, "0 reactors"},
		{"an error", `{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"Method not found"}}`, "Method not found"},
		{"nothing", ``, "EOF"},
	} {
		t.Run(c.name, func(t *testing.T) {
			control := filepath.Join(t.TempDir(), "rpc.sock")
			l, err := net.Listen("unix", control)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			asked := make(chan string, 1)
			go func() {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				defer conn.Close()
				var call struct{ Method string }
				_ = json.NewDecoder(conn).Decode(&call)
				asked <- call.Method
				_, _ = conn.Write([]byte(c.answer))
			}()
			busy, idle, err := (&Target{Name: SPDK, control: control}).Ticks(t.Context())
			if got := <-asked; got != "framework_get_reactors" {
				t.Errorf("asked for %q", got)
			}
			switch {
			case c.fails == "" && (err != nil || busy != 30 || idle != 70):
				t.Errorf("%d busy, %d idle, %v", busy, idle, err)
			case c.fails != "" && (err == nil || !strings.Contains(err.Error(), c.fails)):
				t.Errorf("%v; want %q", err, c.fails)
			}
		})
	}
	if _, _, err := (&Target{Name: Tgt}).Ticks(t.Context()); err == nil {
		t.Error("tgt has ticks")
	}
}
