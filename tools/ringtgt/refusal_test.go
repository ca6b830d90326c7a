package main

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/admin"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
	"golang.org/x/sys/unix"
)

// refused checks that operations are refused for a reason, and say so.
func (n *node) refused(is error, says string, ops ...admin.Op) {
	n.t.Helper()
	_, err := n.manager.Do(n.ctx, ops...)
	check.That(n.t, err != nil && errors.Is(err, is) && strings.Contains(err.Error(), says), "%v\nwant %v that says %q", err, is, says)
}

func unitOf(target string, number int, path string) admin.AddLUN {
	return admin.AddLUN{Target: target, LUN: config.LUN{Number: number, Kind: "file", Path: path, Size: 1 << 20}}
}

// A change that is refused leaves none of the files that it made, and no identities of theirs: the same LUN can be added later. Files
// that were there stay.
func TestRefusedAddLeavesNothing(t *testing.T) {
	n := newNode(t, fileA)
	made, theirs, locked := filepath.Join(n.dir, "made.img"), filepath.Join(n.dir, "theirs.img"), filepath.Join(n.dir, "locked.img")
	for _, path := range []string{theirs, locked} {
		must.OK(t, os.WriteFile(path, make([]byte, 1<<20), 0o600))
	}
	f := must.Get(os.Open(locked))(t)
	defer f.Close()
	must.OK(t, unix.Flock(int(f.Fd()), unix.LOCK_EX))
	busy := admin.AddPortal{Addr: n.now().portals[0].bound, Group: 1}
	for what, last := range map[string]admin.Op{"the last file is locked": unitOf(targetA, 9, locked), "a portal is in use": busy} {
		_, err := n.manager.Do(n.ctx, unitOf(targetA, 5, made), unitOf(targetA, 6, theirs), last)
		must.Be(t, err != nil, "%s: not refused", what)
		_, err = os.Stat(made)
		check.That(t, errors.Is(err, os.ErrNotExist), "%s: the new file: %v", what, err)
		_, err = os.Stat(theirs)
		must.OK(t, err, "%s: a file that was there", what)
	}
	_, err := n.manager.Do(n.ctx, unitOf(targetA, 5, made))
	must.OK(t, err, "the same LUN alone")
}

// The state directory is the daemon's own: neither a LUN nor a pool may be in it, whatever way leads there. A directory below it may.
func TestStateDirectoryHoldsNoMedia(t *testing.T) {
	n := newNode(t, fileA)
	must.OK(t, os.Symlink(filepath.Join(n.dir, "state"), filepath.Join(n.dir, "link")))
	const says = "is in the state directory"
	for _, dir := range []string{"state", "state/secrets", "link"} {
		n.refused(admin.ErrInvalid, says, unitOf(targetA, 5, filepath.Join(n.dir, dir, "x.img")))
	}
	n.refused(admin.ErrInvalid, says, admin.AddPool{Name: "p", Path: filepath.Join(n.dir, "state")})
	n.refused(admin.ErrInvalid, says, admin.AddPool{Name: "p", Path: filepath.Join(n.dir, "link")})
	_, err := n.apply(fileA + "[[target.lun]]\nlun = 1\nfile = \"DIR/state/x.img\"\nsize = \"1M\"\n")
	check.That(t, err != nil && strings.Contains(err.Error(), says), "apply: %v", err)
	_, ps := load(config.Flags{Config: n.file}, true)
	check.That(t, strings.Contains(ps.Error(), says), "check: %v", ps)
	_, err = n.manager.Do(n.ctx, admin.AddPool{Name: "p", Path: n.dir})
	must.OK(t, err, "a pool around the state directory")
	volumes := filepath.Join(n.dir, "state/volumes") // as the packages have it
	must.OK(t, os.Mkdir(volumes, 0o700))
	_, err = n.manager.Do(n.ctx, unitOf(targetA, 5, filepath.Join(volumes, "x.img")))
	must.OK(t, err, "a LUN in a directory of its own below the state directory")
	_, err = n.manager.Do(n.ctx, admin.AddPool{Name: "v", Path: volumes})
	must.OK(t, err, "a pool in a directory of its own below the state directory")
}

// A pool is a directory that is there.
func TestPoolMustExist(t *testing.T) {
	n := newNode(t, fileA)
	none, file := filepath.Join(n.dir, "none"), filepath.Join(n.dir, "a0.img")
	n.refused(admin.ErrInvalid, "there is no directory "+none, admin.AddPool{Name: "p", Path: none})
	n.refused(admin.ErrInvalid, file+" is not a directory", admin.AddPool{Name: "p", Path: file})
	_, err := n.apply(fileA + "[[pool]]\nname = \"p\"\npath = \"DIR/none\"\n")
	check.That(t, errors.Is(err, admin.ErrInvalid) && strings.Contains(err.Error(), "there is no directory"), "apply: %v", err)
}

// An address that takes in one on which the daemon listens is refused with a sentence, not with what the kernel says.
func TestPortalThatTakesInAnother(t *testing.T) {
	n := newNode(t, fileA)
	bound := n.now().portals[0].bound
	wide := netip.AddrPortFrom(netip.IPv4Unspecified(), bound.Port())
	n.refused(admin.ErrInUse, fmt.Sprintf("it overlaps portal %s, on which this daemon listens", bound), admin.AddPortal{Addr: wide, Group: 1})
	n.refused(admin.ErrInUse, "listens on", admin.AddPortal{Addr: bound, Group: 1})
}
