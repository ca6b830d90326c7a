package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/admin"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/api"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/state"
)

// manager changes what the daemon serves, one change after another, on a goroutine of its own. It implements admin.Node.
//
// The configuration in force is the file's part and the owned part, which commands made, together. A change computes a new one,
// validates it as a whole, prepares whatever can fail, saves the owned part, and then carries out the rest (change.go). So a daemon
// that is killed at any moment comes up with the old or the new configuration, whole.
type manager struct {
	d   *daemon
	src *source

	jobs chan *job
	ctx  context.Context // ends with close
	end  context.CancelFunc
	done chan struct{}

	signal   chan struct{} // SIGHUP
	reloaded chan struct{} // no reload is in progress, and none begins
}

// job is a requested change.
type job struct {
	ops    []admin.Op // none: read the file again
	dryRun bool
	force  bool
	plan   *admin.Plan
	answer chan answer // has room for the answer: the client may be gone
}

type answer struct {
	plan *admin.Plan
	err  error
}

var errStopping = fmt.Errorf("the daemon is stopping: %w", api.ErrUnavailable)

func newManager(d *daemon, src *source) *manager {
	m := &manager{d: d, src: src, jobs: make(chan *job, maxJobs), done: make(chan struct{}),
		signal: make(chan struct{}, 1), reloaded: make(chan struct{})}
	m.ctx, m.end = context.WithCancel(context.Background())
	return m
}

// Do implements admin.Node.
func (m *manager) Do(ctx context.Context, ops ...admin.Op) (*admin.Plan, error) {
	force := slices.ContainsFunc(ops, admin.Op.Forced)
	if len(ops) == 0 {
		return &admin.Plan{}, nil
	}
	return m.ask(ctx, &job{ops: ops, force: force})
}

// Apply implements admin.Node.
func (m *manager) Apply(ctx context.Context, dryRun, force bool) (*admin.Plan, error) {
	return m.ask(ctx, &job{dryRun: dryRun, force: force})
}

// ask queues a job and waits for its answer. A job that is queued is carried out even if ctx ends.
func (m *manager) ask(ctx context.Context, j *job) (*admin.Plan, error) {
	j.answer = make(chan answer, 1)
	select {
	case m.jobs <- j:
	case <-m.ctx.Done():
		return nil, errStopping
	case <-ctx.Done():
		return nil, fmt.Errorf("%w, and others wait: %w", admin.ErrBusy, ctx.Err())
	}
	select {
	case a := <-j.answer:
		return a.plan, a.err
	case <-m.done:
		select {
		case a := <-j.answer: // the last one before the end
			return a.plan, a.err
		default:
			return nil, errStopping
		}
	case <-ctx.Done():
		return nil, fmt.Errorf("the change is queued and will be carried out: %w", ctx.Err())
	}
}

// Config implements admin.Node.
func (m *manager) Config() *config.Config { return m.d.now().cfg.Clone() }

// run carries out jobs until Close.
func (m *manager) run() {
	defer close(m.done)
	go m.reloads()
	for {
		select {
		case <-m.ctx.Done():
			return
		case j := <-m.jobs:
			m.next(j)
		}
	}
}

// close ends the manager, after the change that is in progress; whatever that still drains is ended at once.
func (m *manager) close() {
	m.end()
	<-m.done
	m.endReloads()
}

// next carries out j, together with the edits that are queued behind it: a thousand commands that wait for each other's syncs would
// take as many syncs.
func (m *manager) next(j *job) {
	batch := []*job{j}
	for j.isEdit() && len(batch) < maxBatch {
		select {
		case more := <-m.jobs:
			if !more.isEdit() || more.force != j.force {
				m.edits(batch)
				m.next(more)
				return
			}
			batch = append(batch, more)
			continue
		default:
		}
		break
	}
	if j.isEdit() {
		m.edits(batch)
		return
	}
	j.reply(m.apply(j))
}

func (j *job) isEdit() bool { return len(j.ops) > 0 }

// edits carries out a batch of edits as one change. If that is refused each is tried alone, so that only those that are wrong fail.
// A change that was made is never tried again, whatever failed afterwards.
func (m *manager) edits(batch []*job) {
	made, refused := m.edit(batch...)
	switch {
	case refused == nil:
		for _, j := range batch {
			j.reply(made.lateFor(j.plan))
		}
	case len(batch) == 1:
		batch[0].reply(refused)
	default:
		for _, j := range batch {
			m.edits([]*job{j})
		}
	}
}

// reply answers a job whose plan is known.
func (j *job) reply(err error) { j.answer <- answer{j.plan, err} }

// edit carries out the operations of jobs, all or none. It returns the change that it made, or why it made none.
func (m *manager) edit(jobs ...*job) (made *change, refused error) {
	if m.d.state == nil {
		return nil, errNoState
	}
	owned, all := m.src.owned.Clone(), m.d.now().cfg
	for _, j := range jobs {
		j.plan = &admin.Plan{}
		for _, op := range j.ops {
			if _, err := op.Edit(owned, m.src.file); err != nil {
				return nil, err
			}
		}
		if len(jobs) > 1 { // the plan of one alone is that of the change
			merged, _ := config.Combine(m.src.file, owned)
			j.plan = admin.Diff(all, merged)
			all = merged
		}
	}
	// What is saved is what was checked: the text is read again as the next start will read it.
	text, owned, problems := config.Reread(owned, ownedPath(m.d.state.Dir()), false)
	if owned == nil {
		return nil, invalid(problems)
	}
	if bytes.Equal(text, config.EncodeOwned(m.src.owned, ownedPath(m.d.state.Dir()))) {
		return &change{}, nil // it is so already
	}
	if all, problems = config.Merge(m.src.file, owned); all == nil {
		return nil, invalid(problems)
	}
	c := m.change(all, jobs[0].force)
	c.save = func() error { return m.save(text) }
	if len(jobs) == 1 {
		jobs[0].plan = c.plan
	}
	if err := c.do(); err != nil {
		return nil, err
	}
	m.src.owned = owned
	return c, nil
}

// apply reads the file again and carries out what differs.
func (m *manager) apply(j *job) error {
	if m.src.flags.Config == "" {
		return errNoFile
	}
	file, problems := config.Read(m.src.flags, false)
	if file == nil {
		return invalid(problems)
	}
	file.Keep(m.src.file, &problems)
	cfg, more := config.Merge(file, m.src.owned)
	if cfg == nil {
		return invalid(more)
	}
	c := m.change(cfg, j.force)
	j.plan = c.plan
	c.plan.Warnings = append(c.plan.Warnings, append(problems, more...).Notes()...)
	if c.plan.DryRun = j.dryRun; j.dryRun {
		return c.check()
	}
	if err := c.do(); err != nil {
		return err
	}
	m.src.file = file
	return c.lateFor(c.plan)
}

// invalid wraps the problems of a configuration.
func invalid(ps config.Problems) error {
	return fmt.Errorf("the configuration %w:\n%w", admin.ErrInvalid, ps.Errors())
}

var (
	errNoState = errors.New("the daemon has no state directory, where what commands make would be kept")
	errNoFile  = errors.New("the daemon was started without --config: there is no file to apply")
)

// save writes the owned part.
func (m *manager) save(text []byte) error {
	path := ownedPath(m.d.state.Dir())
	err := state.Replace(path, text)
	if err == nil {
		return nil
	}
	// The new text may be there already, if only the directory could not be synced. The next start must not find it.
	if old, _, _ := config.Reread(m.src.owned, path, false); old != nil {
		if err2 := state.Restore(path, old); err2 != nil {
			err = errors.Join(err, err2)
		}
	}
	return fmt.Errorf("the change cannot be saved, and is not made: %w", err)
}

// Forget implements admin.Node.
func (m *manager) Forget(_ context.Context, which string) error {
	if m.d.state == nil {
		return errNoState
	}
	var err error
	m.d.now().each(func(t *servedTarget, u *servedUnit) {
		if u.config.ID == which || u.cfg.Path == which || mediumName(u.cfg) == which {
			err = fmt.Errorf("%s %w: target %s lun %d", which, admin.ErrInUse, t.cfg.Name, u.cfg.Number)
		}
	})
	if err != nil {
		return err
	}
	if _, err = m.d.state.Forget(which); errors.Is(err, state.ErrUnknown) {
		return nil // forgotten already
	}
	return err
}
