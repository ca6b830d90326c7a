package initiator_test

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/ringtgt/ringtgt/bench/initiator"
	"github.com/ringtgt/ringtgt/engine"
	"github.com/ringtgt/ringtgt/internal/faulttest"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/backend"
	"github.com/ringtgt/ringtgt/session"
)

// refusing starts a target whose disk of 1 MiB fails a write when refuse says so; refuse counts the writes of each block.
func refusing(t *testing.T, refuse func(lba uint64, times int) bool) (portal string) {
	t.Helper()
	node := session.NewNode(session.NodeConfig{})
	e := must.Get(engine.New(engine.Config{Node: node, Portals: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0")}, NoSteering: true}))(t)
	disk := faulttest.New(must.Get(backend.Open(backend.Spec{Kind: backend.KindMemory, Size: 1 << 20}))(t))
	times := map[uint64]int{}
	disk.Decide(func(r *lun.Request) faulttest.Fate {
		if r.Kind != lun.OpWrite {
			return faulttest.Fate{}
		}
		lba := uint64(r.Off) / 512
		times[lba]++
		if refuse(lba, times[lba]) {
			return faulttest.Fate{Err: lun.ErrMedium}
		}
		return faulttest.Fate{}
	})
	target := lun.NewTarget(lun.TargetConfig{Name: targetName, Aborter: e, Loops: 1})
	must.Get(target.AddUnit(0, lun.UnitConfig{Backend: disk, ID: "disk0"}))(t)
	e.SetDevices(target)
	node.SetTargets([]*session.Target{{Name: targetName}})
	must.OK(t, e.Start())
	t.Cleanup(e.Shutdown)
	return e.Portals()[0].String()
}

// A write that the target refused is one error, although its blocks are read back. A write that succeeded and was lost is
// another, even one to blocks that had refused an earlier write.
func TestReadBackDoesNotCountRefusedWritesAgain(t *testing.T) {
	for _, c := range []struct {
		name    string
		rounds  uint64
		random  bool
		refuse  func(lba uint64, times int) bool
		lose    bool   // block 80 after the run
		refused uint64 // writes
		found   uint64 // by ReadBack
	}{
		{name: "always", rounds: 1, refuse: func(lba uint64, _ int) bool { return lba == 80 }, refused: 1},
		{name: "in both rounds", rounds: 2, refuse: func(lba uint64, _ int) bool { return lba == 80 }, refused: 2},
		{name: "another is lost", rounds: 1, refuse: func(lba uint64, _ int) bool { return lba == 88 }, lose: true, refused: 1, found: 1},
		{name: "refused, then lost", rounds: 2, refuse: func(lba uint64, times int) bool { return lba == 80 && times == 1 }, lose: true, refused: 1, found: 1},
		{name: "at random", rounds: 2, random: true, refuse: func(_ uint64, times int) bool { return times == 1 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := initiator.Config{Portals: []string{refusing(t, c.refuse)}, TargetName: targetName, InitiatorName: "iqn.2026-11.com.example:host", ISID: [6]byte{0x80, 0, 0, 0, 0, 1}}
			ls := must.Get(initiator.NewLoops(t.Context(), initiator.LoopsConfig{Sessions: []initiator.Config{cfg}}))(t)
			defer ls.Close()
			const blocks = 64
			r := must.Get(ls.Run(t.Context(), initiator.Workload{Verify: true, Seed: 5, Sequential: !c.random, Last: blocks * 4096, Count: c.rounds * blocks}))(t)
			wrote := r.Write()
			if c.random { // all that was refused was written later, or counts as refused
				c.refused = wrote.Errors
			}
			if wrote.Errors != c.refused || wrote.Requests != c.rounds*blocks-c.refused {
				t.Errorf("%d writes, %d of them refused, want %d", wrote.Requests, wrote.Errors, c.refused)
			}
			if c.lose {
				cfg.ISID[5]++
				s := must.Get(initiator.Dial(t.Context(), cfg))(t)
				defer s.Close()
				must.OK(t, s.Ready(t.Context(), 0, 0))
				must.OK(t, s.Write(t.Context(), 0, 0, 81, 1, make([]byte, 512)))
			}
			back := must.Get(ls.ReadBack(t.Context()))(t)
			if found := back.Read().Errors; found != c.found || errors.Is(back.Err(), initiator.ErrMiscompare) != (c.found > 0) {
				t.Errorf("%d errors read back, %v; want %d", found, back.Err(), c.found)
			}
		})
	}
}
