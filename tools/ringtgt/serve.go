package main

import (
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/ringtgt/ringtgt/engine"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/backend"
	"github.com/ringtgt/ringtgt/session"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
)

// serveCmd is `ringtgt serve`.
type serveCmd struct {
	Listen []string `help:"Address to listen on." placeholder:"HOST:PORT" sep:"none"`
	Target string   `help:"Name of the target." default:"iqn.2026-11.io.ringtgt:disk0"`
	LUN    []string `name:"lun" help:"A logical unit: mem:SIZE, null:SIZE, file:PATH[:SIZE] or block:PATH, and options." placeholder:"SPEC" sep:"none"`
	Cores  string   `help:"CPUs to run on, such as 0-3,8."`
	State  string   `help:"Directory of what survives a restart." placeholder:"DIR"`
}

func (s *serveCmd) Run() error {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	if len(s.Listen) == 0 {
		s.Listen = []string{"127.0.0.1:3260"}
	}
	if len(s.LUN) == 0 {
		if err := os.MkdirAll("ringtgt-data", 0o700); err != nil {
			return err
		}
		s.LUN = []string{"file:ringtgt-data/disk0.img:1G"}
	}
	top, err := engine.ReadTopology()
	if err != nil {
		return err
	}
	cores, err := top.ParseCores(s.Cores)
	if err != nil {
		return err
	}
	var portals []netip.AddrPort
	for _, a := range s.Listen {
		p, err := netip.ParseAddrPort(a)
		if err != nil {
			return err
		}
		portals = append(portals, p)
	}
	node := session.NewNode(session.NodeConfig{})
	e, err := engine.New(engine.Config{Node: node, Portals: portals, Cores: cores, Log: log})
	if err != nil {
		return err
	}
	tgt := lun.NewTarget(lun.TargetConfig{
		Name: s.Target, Ports: []lun.Port{{TPGT: 1, RelPort: 1}}, Aborter: e, Loops: len(cores),
	})
	for i, text := range s.LUN {
		l, err := config.ParseSpec(text)
		if err != nil {
			return err
		}
		b, err := backend.Open(l.Spec())
		if err != nil {
			return err
		}
		defer b.Close()
		for _, n := range b.Notes() {
			log.Warn(n)
		}
		id := fmt.Sprintf("%s/%d", s.Target, i)
		if l.Path != "" {
			id, _ = filepath.Abs(l.Path)
		}
		_, err = tgt.AddUnit(i, lun.UnitConfig{
			Backend: b, ID: id, Serial: l.Serial, ReadOnly: l.ReadOnly, Removable: l.Removable, Thin: l.Thin,
			PhysicalBlock: uint32(l.PhysicalBlock), SanitizeRate: l.SanitizeRate,
		})
		if err != nil {
			return err
		}
	}
	if err := e.Start(); err != nil {
		return err
	}
	var at []session.Portal
	for _, p := range e.Portals() {
		at = append(at, session.Portal{Addr: p.String(), TPGT: 1})
	}
	node.SetTargets([]*session.Target{{Name: s.Target, Portals: at, Owner: tgt}})
	log.Info("ready", "portals", e.Portals())
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGTERM, syscall.SIGINT)
	<-c
	go func() { <-c; os.Exit(130) }()
	e.Shutdown()
	return nil
}
