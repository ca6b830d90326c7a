package engine_test

import (
	"context"
	"fmt"
	"log"
	"net/netip"

	"github.com/ringtgt/ringtgt/bench/initiator"
	"github.com/ringtgt/ringtgt/engine"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/session"
)

// letters is a disk of a kind of its own: each block holds one letter, and writes change nothing.
type letters struct{}

func (letters) Geometry() lun.Geometry {
	return lun.Geometry{Blocks: 1 << 20, BlockSize: 512, ReadOnly: true}
}

func (letters) Submit(_ lun.Loop, r *lun.Request) {
	for i := range r.Buf { // only reads and flushes come to a read-only unit
		r.Buf[i] = 'a' + byte((r.Off+int64(i))/512%26)
	}
	r.Moved = r.Len
	r.Done.RequestDone(r, nil)
}

func (letters) Extents(dst []lun.Extent, lba uint64, _ int) ([]lun.Extent, error) {
	return append(dst, lun.Extent{LBA: lba, Blocks: 1<<20 - lba, Mapped: true}), nil
}

func (letters) Close() error { return nil }

// A program serves a backend of its own, here on a port that the kernel chooses. The package conformance below lun/backend
// tests a backend that is to be more than an example.
func Example() {
	const name = "iqn.2026-11.com.example:letters"
	node := session.NewNode(session.NodeConfig{})
	e, err := engine.New(engine.Config{Node: node, Portals: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0")}, NoSteering: true})
	if err != nil {
		log.Fatal(err)
	}
	target := lun.NewTarget(lun.TargetConfig{Name: name, Aborter: e, Loops: 1})
	if _, err := target.AddUnit(0, lun.UnitConfig{Backend: letters{}, ID: "letters"}); err != nil {
		log.Fatal(err)
	}
	e.SetDevices(target)
	node.SetTargets([]*session.Target{{Name: name}})
	if err := e.Start(); err != nil {
		log.Fatal(err)
	}
	defer e.Shutdown()

	readBlock(e.Portals()[0].String(), name)
	// Output: block 25 begins with "zzzz"
}

func readBlock(portal, name string) {
	ctx := context.Background()
	s, err := initiator.Dial(ctx, initiator.Config{Portals: []string{portal}, TargetName: name, InitiatorName: "iqn.2026-11.com.example:host"})
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	block := make([]byte, 512)
	if err := s.Ready(ctx, 0, initiator.LUN(0)); err != nil { // takes the unit attentions of a new nexus
		log.Fatal(err)
	}
	if err := s.Read(ctx, 0, initiator.LUN(0), 25, 1, block); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("block 25 begins with %q\n", block[:4])
}
