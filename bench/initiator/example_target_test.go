package initiator_test

import (
	"log"
	"net/netip"

	"github.com/ringtgt/ringtgt/engine"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/backend"
	"github.com/ringtgt/ringtgt/session"
)

const targetName = "iqn.2026-11.com.example:disk0"

// serve starts a target with a disk of 64 MiB in memory, for the examples to talk to, and returns its portal.
func serve() (portal string, shutdown func()) {
	node := session.NewNode(session.NodeConfig{})
	e, err := engine.New(engine.Config{Node: node, Portals: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0")}, NoSteering: true})
	if err != nil {
		log.Fatal(err)
	}
	disk, err := backend.Open(backend.Spec{Kind: backend.KindMemory, Size: 64 << 20})
	if err != nil {
		log.Fatal(err)
	}
	target := lun.NewTarget(lun.TargetConfig{Name: targetName, Aborter: e, Loops: 1})
	if _, err := target.AddUnit(0, lun.UnitConfig{Backend: disk, ID: "disk0"}); err != nil {
		log.Fatal(err)
	}
	e.SetDevices(target)
	node.SetTargets([]*session.Target{{Name: targetName}})
	if err := e.Start(); err != nil {
		log.Fatal(err)
	}
	return e.Portals()[0].String(), e.Shutdown
}
