package clients_test

import (
	"context"
	"net"
	"slices"
	"testing"

	"github.com/ringtgt/ringtgt/internal/conform"
	"github.com/ringtgt/ringtgt/internal/conform/astarget"
	"github.com/ringtgt/ringtgt/internal/harness"
	"github.com/ringtgt/ringtgt/internal/must"
)

// knownFaults are rules that libiscsi 1.19.0 breaks; docs/conform.md says how.
var knownFaults = []string{"rfc7143/6.2/3", "rfc7143/6.2/7", "rfc7143/6.3/10", "rfc7143/7.3/3", "rfc7143/11.3.3/0"}

// libiscsi's tools and qemu work with the target that judges initiators, whatever it plays that an initiator should bear, and it
// finds in them the faults that were looked at by hand and no other.
func TestJudgedInitiators(t *testing.T) {
	harness.Need(t, "iscsi-inq", pkgLibiscsi)
	needQemu(t)
	const name = "iqn.2026-11.io.ringtgt:judge"
	target := must.Get(astarget.New(astarget.Config{Name: name, Size: 16 << 20, Gentle: true}))(t)
	l := must.Get(net.Listen("tcp", "127.0.0.1:0"))(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- target.Serve(ctx, l) }()
	portal := "iscsi://" + l.Addr().String()
	url := portal + "/" + name + "/0"

	mustContain(t, run(t, "iscsi-ls", "-s", portal), "Target:"+name, "Lun:0")
	mustContain(t, run(t, "iscsi-inq", url), "Peripheral Device Type:DIRECT_ACCESS")
	mustContain(t, run(t, "iscsi-readcapacity16", url), "RETURNED LOGICAL BLOCK ADDRESS:32767")
	for range 3 {
		qemuIO(t, url, "write -P 0x77 0 4M", "write -P 0x78 4M 1M", "read -P 0x77 0 4M", "read -P 0x78 4M 1M", "write -P 0x79 1M 1M", "read -P 0x79 1M 1M")
	}
	cancel()
	must.OK(t, <-done)
	passed := 0
	for _, r := range target.Results() {
		switch {
		case r.Verdict == conform.Pass:
			passed++
		case r.Verdict == conform.Fail && !slices.Contains(knownFaults, r.Case.ID):
			t.Errorf("%s: %s\n%s", r.Case.ID, r.Case.Rule, r.Came)
		}
	}
	if played, left := target.Scenarios(); passed < 50 || len(played) < 7 {
		t.Errorf("%d rules were kept; played %q, not %q", passed, played, left)
	}
}
