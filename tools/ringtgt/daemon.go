package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/ringtgt/ringtgt/engine"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/session"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/api"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/control"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/health"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/metrics"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/state"
)

// daemon is everything that runs between start and stop.
type daemon struct {
	log      *slog.Logger
	level    *slog.LevelVar // of log
	manager  *manager
	current  atomic.Pointer[serving]
	topology engine.Topology
	cores    []int
	state    *state.State // nil: nothing persists
	node     *session.Node
	engine   *engine.Engine
	control  *control.Server // nil: there is none
	tls      *control.TLS    // nil: not configured
	handler  http.Handler    // of the API, for both
	notes    []string
	running  atomic.Bool // the loops are running
	draining atomic.Bool
	reading  chan struct{}   // held by the reader of latencies
	metrics  *metrics.Server // nil: not configured
	health   *health.Watch   // nil: no units yet
	store    *health.Store   // wraps state; nil if state is nil
	space    *spaceWatch     // nil: not started
	lost     chan struct{}   // signalled by a backend that lost blocks
}

// start starts serving what src says. After an error it leaves nothing open.
func start(src *source, log *slog.Logger, level *slog.LevelVar) (*daemon, error) {
	d := &daemon{log: log, level: level, reading: make(chan struct{}, 1), lost: make(chan struct{}, 1)}
	if err := d.start(src); err != nil {
		d.abandon()
		return nil, err
	}
	return d, nil
}

func (d *daemon) start(src *source) error {
	s := newServing(src.cfg) // it is complete before anything reads it
	d.current.Store(s)
	portals, err := d.prepare(src.cfg)
	if err != nil {
		return err
	}
	until := time.Now().Add(lockWait)
	if err := d.openState(); err != nil {
		return err
	}
	if d.state != nil {
		if err := src.confirm(d.state.Dir()); err != nil {
			return err
		}
	}
	if err := d.makeEngine(portals); err != nil {
		return err
	}
	d.health = health.New(d.log)
	d.health.Wake = d.lost
	if err := d.makeTargets(s, until); err != nil {
		return err
	}
	d.manager = newManager(d, src)
	if err := d.listenControl(); err != nil {
		return err
	}
	if err := d.listenTLS(); err != nil {
		return err
	}
	if err := d.listenMetrics(); err != nil {
		return err
	}
	// Set the targets before opening portals, so that an initiator that reconnects at once finds its target. With port 0 the
	// ports are known only afterwards.
	s.bind(portals)
	d.node.SetTargets(s.sessionTargets())
	if err := d.engine.Start(); err != nil {
		return err
	}
	s.bind(d.engine.Portals())
	d.node.SetTargets(s.sessionTargets())
	d.logSteering(d.engine.Status().Steering)
	d.health.Start()
	d.watchSpace()
	d.running.Store(true)
	go d.manager.run()
	return nil
}

// prepare checks the machine, the portals and the media, before anything is created. That includes the state directory, which
// may belong on a file system that is not mounted.
func (d *daemon) prepare(cfg *config.Config) (portals []netip.AddrPort, err error) {
	if d.topology, err = engine.ReadTopology(); err != nil {
		return nil, err
	}
	if d.cores, err = d.topology.ParseCores(cfg.Server.Cores); err != nil {
		return nil, fail(exitUsage, config.Problems{{At: cfg.Server.CoresAt, Text: err.Error()}})
	}
	if ps := checkInterfaces(cfg.Server.XDP); len(ps) > 0 {
		return nil, fail(exitStart, ps) // it may appear later
	}
	d.prepareProcess()
	for _, p := range cfg.Portals {
		portals = append(portals, p.Addr)
		if err := waitFree(p.Addr, d.log); err != nil {
			return nil, err
		}
	}
	if _, ps, err := lookAtMedia(cfg); len(ps) > 0 {
		return nil, fail(exitUsage, ps)
	} else if err != nil {
		return nil, err
	}
	return portals, nil
}

// openState opens and locks the state directory, if there is one.
func (d *daemon) openState() (err error) {
	dir := d.now().cfg.Server.State
	if dir == "" {
		return nil
	}
	if d.state, err = state.Open(dir, lockWait); errors.Is(err, state.ErrInUse) {
		return fmt.Errorf("%w; give this one a directory of its own with --state", err)
	} else if err != nil {
		return err
	}
	d.store = health.NewStore(d.state, d.state.Dir(), d.log)
	return nil
}

// makeEngine makes the node and the engine, which does not run yet.
func (d *daemon) makeEngine(portals []netip.AddrPort) (err error) {
	cfg := d.now().cfg
	d.node = session.NewNode(nodeConfig(cfg))
	d.engine, err = engine.New(engine.Config{
		Node: d.node, Portals: portals, Cores: d.cores, ArenaPerLoop: int(cfg.Server.Buffers), Poll: cfg.Server.Poll, Log: d.log,
		LimitHeap: os.Getenv("GOMEMLIMIT") == "", NoSteering: cfg.Server.Steering == config.SteeringOff, XDP: interfaceNames(cfg.Server.XDP),
		ZeroCopy: map[string]engine.ZeroCopy{config.ZeroCopyOn: engine.ZeroCopyOn, config.ZeroCopyAuto: engine.ZeroCopyAuto}[cfg.Server.ZeroCopy],
	})
	return err
}

// makeTargets makes the targets, opens their media and adds the units.
func (d *daemon) makeTargets(s *serving, until time.Time) error {
	var places []*opening
	for i := range s.cfg.Targets {
		t := d.makeTarget(&s.cfg.Targets[i])
		s.add(t)
		for j := range t.cfg.LUNs {
			places = append(places, &opening{target: t, cfg: &t.cfg.LUNs[j]})
		}
	}
	err := d.openUnits(places, until)
	for _, o := range places {
		if o.unit != nil { // after an error, too: abandon closes what is open
			o.target.units = append(o.target.units, o.unit)
		}
	}
	if err != nil {
		return err
	}
	if err := d.identify(places); err != nil {
		return err
	}
	if err := s.checkNames(); err != nil {
		return err
	}
	for _, o := range places {
		if err := d.addUnit(o.target, o.unit, exports(o.cfg)); err != nil {
			return err
		}
	}
	for _, t := range s.targets {
		d.engine.SetInitiatorQoS(t.lun, initiatorRates(t.cfg))
	}
	d.engine.SetDevices(s.devices()...)
	return nil
}

// makeTarget returns a target without units.
func (d *daemon) makeTarget(cfg *config.Target) *servedTarget {
	t := &servedTarget{cfg: cfg}
	tc := lun.TargetConfig{Name: cfg.Name, Aborter: d.engine, Loops: len(d.cores)}
	if d.state != nil {
		tc.Store = d.store
	}
	tc.Ports = ports(cfg)
	t.lun = lun.NewTarget(tc)
	return t
}

// addUnit adds the logical unit of an open medium, exported as to says, and begins to watch its health.
func (d *daemon) addUnit(t *servedTarget, u *servedUnit, to []lun.Export) (err error) {
	u.config.Exports = to
	if u.unit, err = t.lun.AddUnit(u.cfg.Number, u.config); err != nil {
		return fmt.Errorf("%s: target %s lun %d: %w", u.cfg.At, t.cfg.Name, u.cfg.Number, err)
	}
	for _, n := range u.notes {
		d.log.Warn(n, "target", t.cfg.Name, "lun", u.cfg.Number)
	}
	if !u.cfg.QoS.Unlimited() {
		d.engine.SetUnitQoS(u.unit, rateOf(u.cfg.QoS))
	}
	d.watchHealth(t, u)
	return nil
}

// listenControl opens the control socket: in the state directory, which is locked by this process, or in the runtime
// directory. Failure is an error only if the path was configured.
func (d *daemon) listenControl() error {
	cfg := d.now().cfg.Server
	path := cfg.Control
	var err error
	switch {
	case path != "":
	case d.state != nil:
		path = filepath.Join(d.state.Dir(), state.SocketFile)
	default:
		path, err = control.RuntimeSocket()
	}
	if err == nil {
		d.control, err = control.Listen(path, d.answers(), control.Groups{Group: cfg.Group, Readers: cfg.Readers})
	}
	if err != nil {
		if cfg.Control != "" {
			return err
		}
		d.note("`ringtgt status` will not find this daemon: " + err.Error())
		return nil
	}
	if err := d.control.Register(); err != nil {
		d.log.Debug("not listed in the runtime directory", "err", err)
	}
	return nil
}

// answers are what the control socket and the TLS listener serve.
func (d *daemon) answers() control.Answers {
	if d.handler == nil {
		d.handler = d.api()
	}
	return control.Answers{Status: d.status, Latency: d.latency, API: d.handler}
}

// listenTLS opens the TLS listener of the API, if one is configured.
func (d *daemon) listenTLS() (err error) {
	a := d.now().cfg.API
	if !a.Listen.IsValid() {
		return nil
	}
	if d.tls, err = control.ListenTLS(a.Listen, d.answers(), control.Certificates{Cert: a.Cert, Key: a.Key, ClientCA: a.ClientCA}); err == nil {
		d.log.Info("serving the API", "listen", d.tls.Addr())
	}
	return err
}

// api returns the handler of /v1.
func (d *daemon) api() http.Handler {
	o := api.Options{Node: d.manager, Log: d.log, Bytes: func(target string, number int) int64 { return d.now().target(target).bytes(number) }}
	if d.state != nil {
		o.Secrets = api.NewSecrets(filepath.Join(d.state.Dir(), state.SecretsDir))
		if err := o.Secrets.Sweep(d.manager.Config); err != nil { // left by a daemon that was killed
			d.log.Warn("secrets that nothing refers to cannot be removed", "err", err)
		}
	}
	if err := api.CleanPools(d.now().cfg.Pools); err != nil {
		d.log.Warn("a pool cannot be used", "err", err)
	}
	return api.New(o)
}

func (d *daemon) controlPath() string {
	if d.control == nil {
		return ""
	}
	return d.control.Path()
}

// note reports a setting that could not be honoured: in the log now, and in status while the daemon runs.
func (d *daemon) note(text string) {
	d.log.Warn(text)
	d.notes = append(d.notes, text)
}

// refresh inspects the media again. Initiators get a unit attention for a new size (SBC-3 4.8), and the log has the media that
// are no longer at their paths. Lost blocks stay lost. It may block.
func (d *daemon) refresh() {
	d.health.Inspect()
	d.space.again()
	d.now().each(d.refreshUnit)
}

// refreshUnit is refresh for one unit.
func (d *daemon) refreshUnit(t *servedTarget, u *servedUnit) {
	log := d.log.With("target", t.cfg.Name, "lun", u.cfg.Number)
	d.look(t, u)
	changed, err := u.backend.Refresh()
	if err != nil {
		log.Error("cannot read the medium's size", "err", err)
	}
	if changed {
		u.unit.Refresh()
		g := u.backend.Geometry()
		log.Info("the size changed", "bytes", g.Blocks*uint64(g.BlockSize))
		u.kept.mu.Lock()
		u.kept.grown = true
		u.kept.mu.Unlock()
		d.inspect(t, u)
	}
}

// look checks again whether a medium is writable and whether its write cache is on. It may block.
func (d *daemon) look(t *servedTarget, u *servedUnit) {
	if !u.backend.Look() {
		return
	}
	g := u.backend.Geometry()
	u.unit.Refresh()
	d.log.Warn("the medium's properties have changed", "target", t.cfg.Name, "lun", u.cfg.Number,
		"read_only", g.ReadOnly, "write_cache", g.Volatile, "rotating", g.Rotating)
}

// stop drains the target, flushes and closes the media, and releases everything.
func (d *daemon) stop() error {
	d.draining.Store(true)
	d.manager.close()
	d.engine.Shutdown()
	errs := append([]error{d.flushMedia()}, d.keepLast()...)
	return errors.Join(append(errs, d.abandon())...)
}

// abandon closes everything that is open. The engine is not running.
func (d *daemon) abandon() error {
	var errs []error
	if d.metrics != nil {
		d.metrics.Close()
	}
	if d.health != nil {
		d.health.Close()
	}
	if d.space != nil {
		d.space.close()
	}
	if d.tls != nil {
		d.tls.Close()
	}
	if d.control != nil {
		d.control.Close()
	}
	d.now().each(func(t *servedTarget, u *servedUnit) {
		if err := u.backend.Close(); err != nil {
			errs = append(errs, fmt.Errorf("close target %s lun %d: %w", t.cfg.Name, u.cfg.Number, err))
		}
	})
	if d.state != nil {
		errs = append(errs, d.state.Close())
	}
	return errors.Join(errs...)
}

// engineStatus reads the loops, at most until ctx is done: a loop that is stuck or has stopped never answers.
func (d *daemon) engineStatus(ctx context.Context) (engine.Status, error) {
	if !d.running.Load() {
		return engine.Status{}, errors.New("the daemon is starting")
	}
	answer := make(chan engine.Status, 1)
	go func() { answer <- d.engine.Status() }()
	select {
	case s := <-answer:
		return s, nil
	case <-ctx.Done():
		return engine.Status{}, errStuck
	}
}

var errStuck = errors.New("a loop does not answer: it is stuck, or has stopped")
