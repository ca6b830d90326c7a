package main

import (
	"errors"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
)

// serveCmd is `ringtgt serve`.
type serveCmd struct {
	Config    string   `help:"Configuration file (TOML)." placeholder:"FILE"`
	Listen    []string `help:"Address to listen on; may be repeated. Default: 127.0.0.1:3260." placeholder:"HOST:PORT" sep:"none"`
	Target    string   `help:"Name of the target. Default: iqn.2026-11.io.ringtgt:disk0." placeholder:"IQN"`
	LUN       []string `name:"lun" help:"LUN 0, 1, ...: mem:SIZE, null:SIZE, file:PATH[:SIZE] or block:PATH, then any of ,bs=512|4096 ,pbs=SIZE ,ro ,thin ,removable ,direct=auto|on|off ,serial=TEXT ,id=TEXT ,sanitize-rate=SIZE." placeholder:"SPEC" sep:"none"`
	Cores     string   `help:"CPUs to run loops on, such as 0-3,8, or all. Default: one per physical core." placeholder:"LIST"`
	State     string   `help:"Directory for what survives a restart: reservations and disk identities. Default: ringtgt-data/state, or ringtgt-state beside the first file of --config or --lun." placeholder:"DIR"`
	Control   string   `help:"Path of the control socket. Default: control.sock in the state directory." placeholder:"PATH"`
	Buffers   string   `help:"Maximum size of each loop's I/O buffers. Default: 512M." placeholder:"SIZE"`
	Poll      string   `help:"How long a busy loop may poll for work before it sleeps, 0s to 1ms, or auto: 16 times what waking a thread takes here, 50us to 250us. An idle loop always sleeps. Default: auto." placeholder:"TIME"`
	ZeroCopy  string   `name:"zerocopy" help:"auto, on or off: whether data of 16 KiB and more is sent without a copy; auto: where the network interface can. Default: off." placeholder:"auto|on|off"`
	Steering  string   `help:"auto or off: whether an eBPF program may assign connections to loops. Default: auto, the best method that privileges allow." placeholder:"auto|off"`
	XDP       []string `name:"xdp" help:"Interface whose packets an XDP program moves to the cores of their connections; may be repeated. Default: none." placeholder:"IFACE" sep:"none"`
	Metrics   string   `help:"Address to serve Prometheus metrics on, such as 127.0.0.1:9260. Default: none." placeholder:"HOST:PORT"`
	LogFormat string   `help:"text or json. Default: text." placeholder:"FORMAT"`
	LogLevel  string   `help:"debug, info, warn or error. Default: info." placeholder:"LEVEL"`
	Quiet     bool     `short:"q" help:"Do not print the commands for an initiator."`
}

func (c *serveCmd) Run(s streams) error {
	src, problems := load(config.Flags{
		Config: c.Config, Listen: c.Listen, Target: c.Target, LUN: c.LUN, Cores: c.Cores, State: c.State,
		Control: c.Control, Buffers: c.Buffers, Poll: c.Poll, ZeroCopy: c.ZeroCopy, Steering: c.Steering, XDP: c.XDP, Metrics: c.Metrics, LogLevel: c.LogLevel, LogFormat: c.LogFormat,
	}, false)
	if src == nil {
		return fail(exitUsage, problems)
	}
	cfg := src.cfg
	log, level := newLog(s.err, cfg.Server)
	for _, p := range problems {
		log.Warn(p.Text, "at", p.At.String())
	}
	// Queue signals from here on, so that none is lost during the start.
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	defer signal.Stop(signals)

	d, err := start(src, log, level)
	if err != nil {
		var e *exitError
		if errors.As(err, &e) {
			return err
		}
		return fail(exitStart, err)
	}
	memory, _ := d.residentBound()
	log.Info("serving", "portals", d.engine.Portals(), "targets", len(cfg.Targets), "cores", d.cores,
		"memory", humanize.IBytes(memory), "state", cfg.Server.State, "control", d.controlPath(), "pid", os.Getpid())
	if !c.Quiet {
		printHints(s, d)
	}
	notify("READY=1")
	sig := <-signals
	for sig == syscall.SIGHUP {
		d.manager.reload()
		sig = <-signals
	}
	notify("STOPPING=1")
	signal.Ignore(syscall.SIGHUP)
	log.Info("draining; a second signal ends at once", "signal", sig.String())
	done := make(chan error, 1)
	go func() { done <- d.stop() }()
	if err := (drainWait{done: done, signals: signals, limit: time.After(drainLimit), now: time.Now, log: log}).wait(); err != nil {
		return err
	}
	log.Info("stopped")
	return nil
}

// newLog returns the logger. It writes to stderr: stdout is for the hints on what to type next.
func newLog(w io.Writer, s config.Server) (*slog.Logger, *slog.LevelVar) {
	level := new(slog.LevelVar)
	level.Set(s.LogLevel)
	opts := &slog.HandlerOptions{Level: level}
	if s.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, opts)), level
	}
	return slog.New(slog.NewTextHandler(w, opts)), level
}
