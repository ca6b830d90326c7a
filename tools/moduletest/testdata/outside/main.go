// Command outside is a program of another module: it serves a disk of its own kind, and reads a block of it back over iSCSI.
package main

import (
	"context"
	"fmt"
	"log"
	"net/netip"
	"time"

	"github.com/ringtgt/ringtgt/bench/initiator"
	"github.com/ringtgt/ringtgt/engine"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/pdu"
	"github.com/ringtgt/ringtgt/session"
)

const name = "iqn.2026-11.com.example:outside"

func main() {
	node := session.NewNode(session.NodeConfig{})
	e, err := engine.New(engine.Config{Node: node, Portals: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0")}, NoSteering: true})
	if err != nil {
		log.Fatal(err)
	}
	target := lun.NewTarget(lun.TargetConfig{Name: name, Aborter: e, Loops: 1})
	d := &disk{data: make([]byte, 1<<20)}
	copy(d.data[7*blockSize:], "hello from outside")
	if _, err := target.AddUnit(0, lun.UnitConfig{Backend: d, ID: "outside"}); err != nil {
		log.Fatal(err)
	}
	e.SetDevices(target)
	node.SetTargets([]*session.Target{{Name: name}})
	if err := e.Start(); err != nil {
		log.Fatal(err)
	}
	defer e.Shutdown()
	if err := read(e.Portals()[0].String()); err != nil {
		log.Fatal(err)
	}
}

func read(portal string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	s, err := initiator.Dial(ctx, initiator.Config{Portals: []string{portal}, TargetName: name, InitiatorName: "iqn.2026-11.com.example:reader"})
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.Ready(ctx, 0, initiator.LUN(0)); err != nil {
		return err
	}
	block := make([]byte, blockSize)
	if err := s.Read(ctx, 0, initiator.LUN(0), 7, 1, block); err != nil {
		return err
	}
	fmt.Printf("%s (%d bytes of header before it)\n", block[:len("hello from outside")], pdu.BHSLen)
	return s.Logout(ctx)
}
