package state

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/medium"
	"github.com/ringtgt/ringtgt/internal/must"
	"go.etcd.io/bbolt"
)

func fingerprint(t *testing.T, text string) (f medium.Fingerprint) {
	t.Helper()
	must.OK(t, f.UnmarshalText([]byte(text)))
	return f
}

// bind binds one medium, which must succeed.
func bind(t *testing.T, s *State, a Ask) Finding {
	t.Helper()
	found, _, err := s.Bind([]Ask{a}, nil)
	must.OK(t, err)
	return found[0]
}

// refused checks that a is refused for this reason, with a text that names the disk and the advice.
func refused(t *testing.T, s *State, a Ask, reason Reason, id string) {
	t.Helper()
	before := dump(t, s)
	_, _, err := s.Bind([]Ask{a}, nil)
	var r *Refusal
	if !errors.As(err, &r) || r.Reason != reason {
		t.Errorf("%s with %q: %v; want it refused as %s", a.Path, a.Seen, err, reason)
		return
	}
	if !strings.Contains(err.Error(), id) || strings.Contains(err.Error(), "\n") || len(err.Error()) > 200 {
		t.Errorf("the refusal does not name disk %s in one short line: %v", id, err)
	}
	if what := strings.Join(r.Advice("bin/ringtgt"), "\n"); !strings.Contains(what, "\n  bin/ringtgt forget --state "+s.Dir()) {
		t.Errorf("the refusal does not have the command to type on a line of its own:\n%s", what)
	}
	if _, err := s.Find(a); !errors.As(err, &r) || r.Reason != reason {
		t.Errorf("Find says %v, Bind refused as %s", err, reason)
	}
	check.Equal(t, dump(t, s), before, "what is kept after a refusal:")
}

// dump returns the disks in memory, and checks that the database has the same.
func dump(t *testing.T, s *State) string {
	t.Helper()
	text := func(d *Disks) string {
		b := must.Get(json.MarshalIndent(d.List(), "", " "))(t)
		return string(b)
	}
	var kept string
	err := s.db.View(func(tx *bbolt.Tx) error {
		d, _, err := load(s.dir, tx)
		if err == nil {
			kept = text(d)
		}
		return err
	})
	must.OK(t, err)
	check.Equal(t, text(s.disks), kept, "the disks in memory, against those in the database:")
	return kept
}

const (
	fileA = "file fsuuid=f1 inode=1 born=2026-01-01T00:00:00Z size=8"
	fileB = "file fsuuid=f1 inode=2 born=2026-01-01T00:00:00Z size=8"
	diskA = "block wwid=a size=8"
	diskB = "block wwid=b size=8"
)

// A disk is identified by its medium: it keeps its identity over restarts and under every name, and no other medium ever gets it.
func TestIdentityFollowsTheMedium(t *testing.T) {
	s := open(t, t.TempDir())
	at := func(path, seen string) Ask {
		kind, _, _ := strings.Cut(seen, " ")
		return Ask{Kind: medium.Kind(kind), Path: path, Seen: fingerprint(t, seen)}
	}
	a, b := bind(t, s, at("/x/a", fileA)), bind(t, s, at("/x/b", fileB))
	if a.Outcome != Fresh || b.Outcome != Fresh || len(a.Disk.ID) != 32 || a.Disk.ID == b.Disk.ID || a.Disk.Created.IsZero() {
		t.Fatalf("two files are %+v and %+v", a, b)
	}
	s = reopen(t, s)
	if again := bind(t, s, at("/x/a", fileA)); again.Outcome != Known || again.Disk.ID != a.Disk.ID || !again.Disk.Created.Equal(a.Disk.Created) {
		t.Errorf("after a restart %+v, want %+v", again, a)
	}
	// a file that is gone or was replaced
	refused(t, s, Ask{Kind: medium.File, Path: "/x/a"}, Missing, a.Disk.ID)
	refused(t, s, Ask{Kind: medium.File, Path: "/x/b/../a"}, Missing, a.Disk.ID)
	refused(t, s, at("/x/a", "file fsuuid=f1 inode=3 born=2026-01-02T00:00:00Z size=8"), Another, a.Disk.ID)
	refused(t, s, at("/x/a", "file fsuuid=f2 inode=1 born=2026-01-01T00:00:00Z size=8"), Another, a.Disk.ID)
	refused(t, s, at("/x/a", strings.Replace(fileA, "size=8", "size=7", 1)), Another, a.Disk.ID)
	refused(t, s, at("/x/a", fileB), Another, a.Disk.ID)
	// a file that has grown; the new size counts from now on
	if g := bind(t, s, at("/x/a", strings.Replace(fileA, "size=8", "size=16", 1))); g.Outcome != Known || g.Disk.ID != a.Disk.ID {
		t.Errorf("a file that has grown: %+v", g)
	}
	refused(t, s, at("/x/a", fileA), Another, a.Disk.ID)
	// another name of the same file: a link, a bind mount, or it was moved
	grown := strings.Replace(fileA, "size=8", "size=16", 1)
	if m := bind(t, s, at("/y/moved", grown)); m.Outcome != Renamed || m.Disk.ID != a.Disk.ID {
		t.Errorf("under another name: %+v", m)
	}
	// its old name is free from then on
	if f := bind(t, s, at("/x/a", "file fsuuid=f1 inode=9 born=2026-01-03T00:00:00Z size=8")); f.Outcome != Fresh || f.Disk.ID == a.Disk.ID {
		t.Errorf("another file under the old name: %+v", f)
	}
	// two units with the same disk
	if _, _, err := s.Bind([]Ask{at("/y/moved", grown), at("/z/also", grown)}, nil); !reason(err, Twice) {
		t.Errorf("one file under two names at once: %v", err)
	}
}

// In commands that the advice shows, each name is one argument.
func TestRefusalQuotes(t *testing.T) {
	r := &Refusal{State: "/a b", Ask: Ask{ID: "x;y", Kind: medium.File, Path: "/it's"}, Disk: Disk{ID: "x;y"}, Reason: Another}
	lines := r.Advice("/my programs/ringtgt")
	for _, want := range []string{
		`  '/my programs/ringtgt' adopt --state '/a b' --id 'x;y' 'file:/it'\''s'`, `  '/my programs/ringtgt' forget --state '/a b' 'x;y'`,
	} {
		check.That(t, slices.Contains(lines, want), "%q\nwant %s in it", lines, want)
	}
}

func reason(err error, want Reason) bool {
	var r *Refusal
	return errors.As(err, &r) && r.Reason == want
}

// Swapped device names: no identity goes to the other device, whatever the names.
func TestSwappedDevices(t *testing.T) {
	s := open(t, t.TempDir())
	a := bind(t, s, Ask{Kind: medium.Block, Path: "/dev/sda", Seen: fingerprint(t, diskA)})
	b := bind(t, s, Ask{Kind: medium.Block, Path: "/dev/sdb", Seen: fingerprint(t, diskB)})
	refused(t, s, Ask{Kind: medium.Block, Path: "/dev/sda", Seen: fingerprint(t, diskB)}, Another, a.Disk.ID)
	refused(t, s, Ask{Kind: medium.Block, Path: "/dev/sdb", Seen: fingerprint(t, diskA)}, Another, b.Disk.ID)
	// neither a partition of the disk nor a disk without identification is the disk
	refused(t, s, Ask{Kind: medium.Block, Path: "/dev/sda", Seen: fingerprint(t, "block wwid=a part=1 size=8")}, Another, a.Disk.ID)
	refused(t, s, Ask{Kind: medium.Block, Path: "/dev/sda", Seen: fingerprint(t, "block size=8")}, Another, a.Disk.ID)
	// by stable names each is found
	for _, k := range []struct {
		path, seen, id string
	}{{"/dev/disk/by-id/wwn-b", diskB, b.Disk.ID}, {"/dev/disk/by-id/wwn-a", diskA, a.Disk.ID}} {
		if f := bind(t, s, Ask{Kind: medium.Block, Path: k.path, Seen: fingerprint(t, k.seen)}); f.Disk.ID != k.id || f.Outcome != Renamed {
			t.Errorf("%s is %+v, want %s", k.path, f, k.id)
		}
	}
	// a device without identification has only its name and size
	mute := Ask{Kind: medium.Block, Path: "/dev/vda", Seen: fingerprint(t, "block size=8")}
	m := bind(t, s, mute)
	if again := bind(t, s, mute); again.Disk.ID != m.Disk.ID || again.Outcome != Known {
		t.Errorf("%+v, want %+v", again, m)
	}
	mute.Seen = fingerprint(t, "block size=4")
	refused(t, s, mute, Another, m.Disk.ID)
}

// A configured ID is checked, too.
func TestConfiguredID(t *testing.T) {
	s := open(t, t.TempDir())
	ask := func(id, path, seen string) Ask {
		return Ask{ID: id, Kind: medium.File, Path: path, Seen: fingerprint(t, seen)}
	}
	if f := bind(t, s, ask("one", "/x/a", fileA)); f.Disk.ID != "one" || f.Outcome != Fresh {
		t.Fatalf("%+v", f)
	}
	refused(t, s, ask("one", "/x/a", ""), Missing, "one")
	refused(t, s, ask("one", "/elsewhere", ""), Missing, "one")
	refused(t, s, ask("other", "/x/a", ""), Missing, "one")
	refused(t, s, ask("one", "/x/a", fileB), Another, "one")
	refused(t, s, ask("other", "/x/a", fileB), Another, "one")
	if f := bind(t, s, ask("one", "/y/moved", fileA)); f.Disk.ID != "one" {
		t.Errorf("%+v", f)
	}
	// Without the ID in the configuration it is still that disk; with another ID it becomes that disk.
	if f := bind(t, s, ask("", "/y/moved", fileA)); f.Disk.ID != "one" {
		t.Errorf("%+v", f)
	}
	if f := bind(t, s, ask("two", "/y/moved", fileA)); f.Disk.ID != "two" {
		t.Errorf("%+v", f)
	}
	if f := bind(t, s, ask("", "/y/moved", fileA)); f.Disk.ID != "two" || len(s.disks.all) != 1 {
		t.Errorf("%+v of %d", f, len(s.disks.all))
	}
	// two devices with the same identification
	clones := []Ask{ask("c1", "/x/c1", fileB), ask("c2", "/x/c2", fileB)}
	for range 2 {
		if _, _, err := s.Bind(clones, nil); err != nil {
			t.Errorf("two clones with IDs of their own: %v", err)
		}
	}
	if _, _, err := s.Bind([]Ask{ask("two", "/y/moved", fileA), ask("", "/z", fileA)}, nil); !reason(err, Twice) {
		t.Errorf("a disk by ID and by medium: %v", err)
	}
	if _, _, err := s.Bind([]Ask{ask("", "/z", fileA), ask("three", "/y/moved", fileA)}, nil); !reason(err, Twice) {
		t.Errorf("a disk by medium and under a new ID: %v", err)
	}
	if _, _, err := s.Bind([]Ask{ask("three", "/y/moved", fileA), ask("", "/z", fileA)}, nil); !reason(err, Twice) {
		t.Errorf("a disk under a new ID and by medium: %v", err)
	}
}

// One command makes a copy or a restored file the disk; another gives a disk up, with everything saved for it.
func TestAdoptAndForget(t *testing.T) {
	s := open(t, t.TempDir())
	a := Ask{Kind: medium.File, Path: "/x/a", Seen: fingerprint(t, fileA)}
	id := bind(t, s, a).Disk.ID
	copied := a
	copied.Seen = fingerprint(t, "file fsuuid=f2 inode=7 born=2026-02-01T00:00:00Z size=4")
	refused(t, s, copied, Another, id)
	if _, _, err := s.Adopt(Ask{Kind: medium.File, Path: "/x/a"}); !errors.Is(err, ErrNothing) {
		t.Errorf("Adopt of nothing: %v", err)
	}
	if _, _, err := s.Adopt(Ask{Kind: medium.File, Path: "/x/other", Seen: copied.Seen}); !errors.Is(err, ErrUnknown) {
		t.Errorf("Adopt of a file that the state does not know: %v", err)
	}
	if k, _, err := s.Adopt(copied); err != nil || k.ID != id {
		t.Fatalf("Adopt: %+v, %v", k, err)
	}
	s = reopen(t, s)
	if f := bind(t, s, copied); f.Disk.ID != id || f.Outcome != Known {
		t.Errorf("%+v", f)
	}
	refused(t, s, a, Another, id)
	// A medium that is another known disk cannot be a copy of this one.
	b := bind(t, s, Ask{Kind: medium.File, Path: "/x/b", Seen: fingerprint(t, fileB)})
	if _, _, err := s.Adopt(Ask{ID: id, Kind: medium.File, Path: "/x/b", Seen: fingerprint(t, fileB)}); !reason(err, Ambiguous) {
		t.Errorf("Adopt of another disk: %v", err)
	}
	// a disk from another machine
	if k, _, err := s.Adopt(Ask{ID: "far", Kind: medium.File, Path: "/x/c", Seen: fingerprint(t, strings.Replace(fileB, "inode=2", "inode=3", 1))}); err != nil || k.ID != "far" {
		t.Errorf("Adopt from another machine: %+v, %v", k, err)
	}

	for _, key := range []string{"reservations/" + id, "mode/" + id, "mode/" + b.Disk.ID} {
		must.OK(t, s.Save(key, []byte("v")))
	}
	if _, err := s.Forget("nobody"); !errors.Is(err, ErrUnknown) {
		t.Errorf("Forget: %v", err)
	}
	if k, err := s.Forget("file:/x/a"); err != nil || k.ID != id {
		t.Fatalf("Forget: %+v, %v", k, err)
	}
	dump(t, s)
	for key, kept := range map[string]bool{"reservations/" + id: false, "mode/" + id: false, "mode/" + b.Disk.ID: true} {
		if v, err := s.Load(key); err != nil || (v != nil) != kept {
			t.Errorf("%s is %q, %v", key, v, err)
		}
	}
	if f, err := s.Find(Ask{Kind: medium.File, Path: "/x/a"}); err != nil || f.Outcome != Fresh {
		t.Errorf("after it was given up: %+v, %v", f, err)
	}
	if k, err := s.Forget(b.Disk.ID); err != nil || k.Name != "/x/b" {
		t.Errorf("Forget by ID: %+v, %v", k, err)
	}
}

func TestUnitsKeepTheirIdentity(t *testing.T) {
	s := open(t, t.TempDir())
	names := []string{UnitName("mem", "iqn.x", 0), UnitName("null", "iqn.x", 1)}
	_, first, err := s.Bind(nil, names)
	must.Be(t, err == nil && first[0].ID != first[1].ID && len(first[0].ID) == 32, "%+v, %v", first, err)
	s = reopen(t, s)
	if _, again, err := s.Bind(nil, names); err != nil || !slices.EqualFunc(again, first, func(a, b Identity) bool { return a.ID == b.ID && a.Created.Equal(b.Created) }) {
		t.Errorf("after a restart %+v, %v; want %+v", again, err, first)
	}
}

// A restart that finds nothing changed writes nothing: a transaction for each of 1,500 LUNs took 18 s.
func TestNothingNewWritesNothing(t *testing.T) {
	s := open(t, t.TempDir())
	asks := []Ask{{Kind: medium.File, Path: "/x/a", Seen: fingerprint(t, fileA)}, {Kind: medium.Block, Path: "/dev/sda", Seen: fingerprint(t, diskA)}}
	units := []string{UnitName("mem", "iqn.x", 0)}
	transactions := func() (n int) {
		must.OK(t, s.db.View(func(tx *bbolt.Tx) error { n = tx.ID(); return nil }))
		return n
	}
	before := transactions()
	if _, _, err := s.Bind(asks, units); err != nil {
		t.Fatal(err)
	}
	check.Equal(t, transactions()-before, 1, "transactions for three new units:")
	s = reopen(t, s)
	before = transactions()
	if _, _, err := s.Bind(asks, units); err != nil {
		t.Fatal(err)
	}
	check.Equal(t, transactions()-before, 0, "transactions for three known units:")
}

// version1 creates a state directory in the layout of version 1.
func version1(t *testing.T, created time.Time, identities map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	db, err := bbolt.Open(filepath.Join(dir, databaseFile), 0o600, nil)
	must.OK(t, err)
	defer db.Close()
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, name := range [][]byte{bucketMeta, bucketValues, bucketIdentity} {
			if _, err := tx.CreateBucket(name); err != nil {
				return err
			}
		}
		for key, id := range identities {
			if err := putJSON(tx.Bucket(bucketIdentity), key, Identity{ID: id, Created: created}); err != nil {
				return err
			}
		}
		return errors.Join(tx.Bucket(bucketValues).Put([]byte("reservations/ida"), []byte("held")), tx.Bucket(bucketMeta).Put(keyVersion, []byte("1")))
	})
	must.OK(t, err)
	return dir
}

// A database of version 1 is converted with all its identities. Fingerprints are filled in if nothing contradicts them.
func TestVersion1(t *testing.T) {
	files := t.TempDir()
	path := func(name string) string { return filepath.Join(files, name) }
	for _, name := range []string{"a", "twice"} {
		write(t, path(name), []byte(name))
	}
	must.OK(t, errors.Join(os.Symlink(path("twice"), path("link")), os.Link(path("a"), path("hard"))))
	look := func(name string) Ask {
		seen, err := medium.OfPath(path(name))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		return Ask{Kind: medium.File, Path: path(name), Seen: seen}
	}
	identities := map[string]string{
		"file:" + path("a"): "ida", "file:" + path("gone"): "idgone", "block:/dev/sda": "idsda", "mem:iqn.x/0": "idmem",
		"file:" + path("twice"): "idt1", "file:" + path("link"): "idt2",
	}
	dir := version1(t, time.Now(), identities)
	peeked, err := Peek(dir)
	must.Be(t, err == nil && len(peeked.List()) == 5, "Peek before it is taken over: %v, %v", peeked, err)
	s := open(t, dir)
	if f := bind(t, s, look("hard")); f.Disk.ID != "ida" {
		t.Errorf("by another name of its file: %+v", f)
	}
	s = reopen(t, s)
	if f := bind(t, s, look("a")); f.Disk.ID != "ida" || f.Disk.Medium.IsZero() {
		t.Errorf("%+v", f)
	}
	if v, err := s.Load("reservations/ida"); string(v) != "held" || err != nil {
		t.Errorf("its reservations: %q, %v", v, err)
	}
	if f := bind(t, s, Ask{Kind: medium.Block, Path: "/dev/sda", Seen: fingerprint(t, diskA)}); f.Disk.ID != "idsda" || f.Outcome != Filled {
		t.Errorf("%+v", f)
	}
	if _, ids, err := s.Bind(nil, []string{"mem:iqn.x/0"}); err != nil || ids[0].ID != "idmem" {
		t.Errorf("%+v, %v", ids, err)
	}
	refused(t, s, look("gone"), Missing, "idgone")
	// One file under two names had two identities; only the administrator knows which is right.
	refused(t, s, look("twice"), Ambiguous, "idt1")
	refused(t, s, look("link"), Ambiguous, "idt2")
	must.Get(s.Forget("idt1"))(t)
	s = reopen(t, s) // a disk that was given up does not come back from the old layout
	if f := bind(t, s, look("twice")); f.Disk.ID != "idt2" {
		t.Errorf("%+v", f)
	}

	// A file that is younger than its disk's identity is another file.
	seen := look("a")
	if _, ok := seen.Seen.Born(); !ok {
		t.Logf("this file system has no birth times: %s", seen.Seen)
		return
	}
	old := open(t, version1(t, time.Now().Add(-time.Hour), map[string]string{"file:" + path("a"): "ida"}))
	refused(t, old, seen, Another, "ida")
	if _, _, err := old.Adopt(seen); err != nil {
		t.Fatal(err)
	}
	if f := bind(t, old, seen); f.Disk.ID != "ida" {
		t.Errorf("%+v", f)
	}
}

// Peek reads the state of a running daemon, and leaves no trace.
func TestPeek(t *testing.T) {
	if d, err := Peek(filepath.Join(t.TempDir(), "none")); err != nil || len(d.List()) != 0 {
		t.Errorf("of no state: %v, %v", d, err)
	}
	s := open(t, t.TempDir())
	a := Ask{Kind: medium.File, Path: "/x/a", Seen: fingerprint(t, fileA)}
	id := bind(t, s, a).Disk.ID
	d := must.Get(Peek(s.Dir()))(t)
	if f, err := d.Find(a); err != nil || f.Disk.ID != id {
		t.Errorf("%+v, %v", f, err)
	}
	if _, err := d.Find(Ask{Kind: medium.File, Path: "/x/a"}); !reason(err, Missing) {
		t.Errorf("%v", err)
	}
	write(t, filepath.Join(t.TempDir(), "x"), nil)
	bad := t.TempDir()
	write(t, filepath.Join(bad, databaseFile), []byte("this is no database"))
	if _, err := Peek(bad); err == nil {
		t.Error("Peek took a foreign file")
	}
}
