package kerneltest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/bench/initiator"
	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
)

// The script of case live, with an initiator on the host in the guest's place: what it writes it reads, without an error, in one
// session.
func TestLiveChanges(t *testing.T) {
	dir := t.TempDir()
	config := must.Get(newTargetConfig(dir, 0))(t)
	tgt := &target{kind: ringtgtKind, config: config, log: createFile(t, filepath.Join(dir, "log"))}
	must.OK(t, tgt.start(t.Context()))
	t.Cleanup(func() { _ = tgt.child.Kill() })
	const host = "iqn.2026-11.io.ringtgt:host"
	s := must.Get(initiator.Dial(t.Context(), initiator.Config{
		Portals: []string{config.listen}, TargetName: iqnLive, InitiatorName: host, Connections: 2,
		OnAsync: func(a initiator.Async) { t.Errorf("Async Message %v", a.Message.AsyncEvent()) },
	}))(t)
	defer s.Close()
	must.OK(t, s.Ready(t.Context(), 0, initiator.LUN(0)))
	ctx, cancel := context.WithCancel(t.Context())
	var load sync.WaitGroup
	var attentions, commands int
	load.Go(func() {
		want, got := make([]byte, 4096), make([]byte, 4096)
		for n := uint64(1); ctx.Err() == nil; n++ {
			for at := 0; at < len(want); at += 8 {
				binary.LittleEndian.PutUint64(want[at:], n)
			}
			lba := n % 1000 * 8
			for _, io := range []func() error{
				func() error { return s.Write(ctx, uint16(n%2), initiator.LUN(0), lba, 8, want) },
				func() error { return s.Read(ctx, uint16(n/2%2), initiator.LUN(0), lba, 8, got) },
			} {
				err := io()
				for tries := 0; attention(err) && tries < 20; tries++ {
					attentions++
					err = io()
				}
				if err != nil && ctx.Err() == nil {
					t.Errorf("command %d: %v", n, err)
					return
				}
				commands++
			}
			if ctx.Err() == nil && !bytes.Equal(got, want) {
				t.Errorf("block %d is not what was written", lba)
				return
			}
		}
	})
	began := time.Now()
	err := runLive(t.Context(), tgt, host, 2, func(text string) { t.Logf("%5.1fs %s", time.Since(began).Seconds(), text) })
	cancel()
	load.Wait()
	check.OK(t, err)
	check.That(t, attentions > 0, "no change of the target's LUNs was reported")
	check.That(t, len(s.CIDs()) == 2 && len(s.Violations()) == 0, "connections %v, violations %v", s.CIDs(), s.Violations())
	t.Logf("%d commands, %d unit attentions", commands, attentions)
	check.OK(t, s.Logout(t.Context()))
	check.OK(t, tgt.child.Terminate(targetLimit))
}

// attention reports whether a command ended with a unit attention: the initiator repeats it.
func attention(err error) bool {
	var status *initiator.StatusError
	return errors.As(err, &status) && len(status.Sense) > 2 && status.Sense[2]&0xF == 6
}
