package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/ringtgt/ringtgt/internal/medium"
	"github.com/ringtgt/ringtgt/lun/backend"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/state"
	"golang.org/x/sys/unix"
)

// foundMedium is a configured file or device as found before anything is opened.
type foundMedium struct {
	lun     *config.LUN
	ask     state.Ask
	finding state.Finding
}

// makes reports whether serving it creates a file.
func (m *foundMedium) makes() bool { return m.ask.Seen.IsZero() }

// media are the media of a configuration, by LUN.
type media map[*config.LUN]*foundMedium

// lookAtMedia compares the files and devices of c with the state. It changes nothing, and does not create a state.
// problems are mistakes in the configuration; err has all disks that must not be served.
func lookAtMedia(c *config.Config) (found media, problems config.Problems, err error) {
	if c.Server.State == "" {
		return media{}, nil, nil
	}
	known, err := state.Peek(c.Server.State)
	if err != nil {
		return nil, nil, err
	}
	l := newLookout()
	for i := range c.Targets {
		t := &c.Targets[i]
		for j := range t.LUNs {
			l.look(known, t.Name, &t.LUNs[j])
		}
	}
	return l.report()
}

func newLookout() *lookout { return &lookout{mounts: readMounts(), found: media{}} }

// report returns what was found.
func (l *lookout) report() (media, config.Problems, error) {
	for i := range l.causes {
		l.causes[i].report(l)
	}
	return l.found, l.problems, errors.Join(l.refused...)
}

// lookout looks at the media of a configuration. One cause makes one message, however many LUNs it concerns.
type lookout struct {
	mounts   mounts
	found    media
	problems config.Problems
	refused  []error
	causes   []cause
}

// cause is what keeps one or several LUNs from being served.
type cause struct {
	text    string // "there is no directory /srv/iscsi"
	effect  string // what follows for the files: "cannot be created"
	at      config.Where
	names   []string
	warning bool
	refuses bool // serve refuses the disks: exit code 2; otherwise the configuration is wrong
}

// blame adds a LUN to a cause.
func (l *lookout) blame(u *config.LUN, c cause) {
	for i := range l.causes {
		if k := &l.causes[i]; k.text == c.text && k.effect == c.effect {
			k.names = append(k.names, u.Path)
			return
		}
	}
	c.at, c.names = u.At, []string{u.Path}
	l.causes = append(l.causes, c)
}

func (c *cause) report(l *lookout) {
	names := strings.Join(c.names[:min(len(c.names), maxNamed)], ", ")
	if n := len(c.names) - maxNamed; n > 0 {
		names += fmt.Sprintf(" and %d more", n)
	}
	text := fmt.Sprintf("%s %s: %s", names, c.effect, c.text)
	if c.refuses {
		l.refused = append(l.refused, fmt.Errorf("%s: %s", c.at, text))
		return
	}
	l.problems = append(l.problems, config.Problem{At: c.at, Text: text, Warning: c.warning})
}

// maxNamed is how many files a message lists.
const maxNamed = 4

// finder knows the disks that were served before.
type finder interface {
	Find(state.Ask) (state.Finding, error)
}

// look looks at one LUN of a target. One that has no medium on this machine is passed over.
func (l *lookout) look(known finder, target string, u *config.LUN) {
	if !u.Persistent() {
		return
	}
	m := &foundMedium{lun: u}
	absent := ""
	if path := medium.Real(u.Path); u.Kind == backend.KindFile {
		absent = l.mounts.absent(path)
	}
	var err error
	if m.ask, err = askFor(u); err == nil {
		m.finding, err = known.Find(m.ask)
	}
	var refusal *state.Refusal
	switch {
	case err != nil && absent != "" && errors.As(err, &refusal) && refusal.Reason == state.Missing:
		l.blame(u, cause{text: absent + " is in /etc/fstab and not mounted", effect: "missing, although served before", refuses: true})
		return
	case err != nil:
		l.refused = append(l.refused, fmt.Errorf("%s: target %s lun %d: %w", u.At, target, u.Number, err))
		return
	case m.makes():
		if !l.makes(u, absent) {
			return
		}
	case !l.opens(u):
		return
	}
	l.found[u] = m
}

// opens checks that a file or device can be opened.
func (l *lookout) opens(u *config.LUN) bool {
	how := uint32(unix.R_OK | unix.W_OK)
	if u.ReadOnly {
		how = unix.R_OK
	}
	if why := denied(u.Path, how); why != "" {
		l.blame(u, cause{text: why, effect: "cannot be opened", refuses: true})
		return false
	}
	var st unix.Stat_t
	if err := unix.Stat(u.Path, &st); err == nil && u.Kind == backend.KindBlock {
		if at := l.mounts.using(st.Rdev); at != "" {
			l.blame(u, cause{text: "it is mounted at " + at, effect: "cannot be served", refuses: true})
			return false
		}
	}
	return true
}

// lookAtPool checks that a pool is a directory in which volumes can be made.
func (l *lookout) lookAtPool(p *config.Pool) {
	wrong := func(format string, args ...any) {
		l.problems = append(l.problems, config.Problem{At: p.At, Text: fmt.Sprintf("pool %s: ", p.Name) + fmt.Sprintf(format, args...)})
	}
	info, err := os.Stat(p.Path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		if at := l.mounts.absent(p.Path); at != "" {
			wrong("there is no directory %s: %s is in /etc/fstab and not mounted", p.Path, at)
			return
		}
		wrong("there is no directory %s; `mkdir -p %s` makes it", p.Path, p.Path)
	case err != nil:
		wrong("%v", err)
	case !info.IsDir():
		wrong("%s is not a directory", p.Path)
	default:
		if why := denied(p.Path, unix.R_OK|unix.W_OK|unix.X_OK); why != "" {
			wrong("%s: %s", p.Path, why)
		}
	}
}

// makes checks that the file of u, which was never served and does not exist, can be created. absent is its mount point, if that is
// not mounted.
func (l *lookout) makes(u *config.LUN, absent string) bool {
	if u.Kind != backend.KindFile || u.Size == 0 || u.ReadOnly {
		l.problems = append(l.problems, config.Problem{At: u.At, Text: fmt.Sprintf("there is no file %s; with a size it is created", u.Path)})
		return false
	}
	if absent != "" {
		l.blame(u, cause{text: absent + " is in /etc/fstab and not mounted", effect: "would be created on " + l.mounts.of(absent).point, warning: true})
	}
	if u.Fallback { // its directory is created too
		return true
	}
	dir := filepath.Dir(medium.Real(u.Path))
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		l.blame(u, cause{text: "there is no directory " + dir, effect: "cannot be created"})
		return false
	}
	if why := denied(dir, unix.W_OK|unix.X_OK); why != "" {
		l.blame(u, cause{text: fmt.Sprintf("%s: %s", dir, why), effect: "cannot be created", refuses: true})
		return false
	}
	return true
}

// size describes the real size of the medium, its permissions and its file system.
func (m *foundMedium) size(mt mounts) string {
	want := humanize.IBytes(uint64(m.lun.Size))
	var st unix.Stat_t
	if err := unix.Stat(m.lun.Path, &st); err != nil {
		return fmt.Sprintf("%s, sparse; %s", want, mt.describe(filepath.Dir(m.lun.Path)))
	}
	if m.lun.Kind == backend.KindBlock {
		text := owner(&st)
		if size, err := deviceSize(m.lun.Path); err == nil {
			text = humanize.IBytes(uint64(size)) + "; " + text
		}
		return text
	}
	text := humanize.IBytes(uint64(st.Size))
	switch {
	case m.lun.Size > st.Size:
		text += fmt.Sprintf(", will be extended to %s", want)
	case m.lun.Size > 0 && m.lun.Size < st.Size:
		text += fmt.Sprintf(" (size = %s has no effect)", want)
	}
	return fmt.Sprintf("%s, %s allocated; %s; %s", text, humanize.IBytes(uint64(st.Blocks)*512), owner(&st), mt.describe(m.lun.Path))
}

// deviceSize returns the size of a block device from sysfs, without opening the device.
func deviceSize(path string) (int64, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return 0, err
	}
	text, err := os.ReadFile(fmt.Sprintf("/sys/dev/block/%d:%d/size", unix.Major(st.Rdev), unix.Minor(st.Rdev)))
	if err != nil {
		return 0, err
	}
	sectors, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return sectors * 512, err
}

// describe describes what serving the medium would do.
func (m *foundMedium) describe() string {
	k := m.finding.Disk
	if !k.Lost.Writes.IsZero() {
		return fmt.Sprintf("disk %s: %s; at %s writes to it were lost", k.ID, m.ask.Seen, k.Lost.Writes.Format(time.RFC3339))
	}
	switch {
	case m.makes() && k.ID != "":
		return fmt.Sprintf("the file will be created: a new disk, %s", k.ID)
	case m.makes():
		return "the file will be created: a new disk"
	case m.finding.Outcome == state.Fresh:
		return fmt.Sprintf("a new disk: %s", m.ask.Seen)
	case m.finding.Outcome == state.Renamed:
		return fmt.Sprintf("disk %s under a new name: %s", k.ID, m.ask.Seen)
	default:
		return fmt.Sprintf("disk %s: %s", k.ID, m.ask.Seen)
	}
}
