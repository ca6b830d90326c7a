package state

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/medium"
	"github.com/ringtgt/ringtgt/internal/must"
)

// A file that was cut while it was served has zeroes in place of data, whatever its length is now. So it is refused from then
// on, over restarts and under other names and IDs, until it is adopted; nothing else clears the loss.
func TestCutFileIsRefused(t *testing.T) {
	s := open(t, t.TempDir())
	at := func(id, path, seen string) Ask {
		return Ask{ID: id, Kind: medium.File, Path: path, Seen: fingerprint(t, seen)}
	}
	a := at("", "/x/a", fileA)
	id := bind(t, s, a).Disk.ID
	other := bind(t, s, at("", "/x/b", fileB)).Disk.ID
	first := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	note := func(seen string, lost Losses, shrunk string) {
		t.Helper()
		if why, err := s.Note(id, fingerprint(t, seen), lost); err != nil || why != shrunk {
			t.Errorf("Note: %q, %v; want %q", why, err, shrunk)
		}
	}
	note(strings.Replace(fileA, "size=8", "size=4", 1), Losses{Cut: first, From: 4}, "it has 4 bytes and had 8")
	refused(t, s, at("", "/x/a", strings.Replace(fileA, "size=8", "size=4", 1)), Another, id)   // shorter still
	for _, later := range []Losses{{}, {Cut: first.Add(time.Hour), From: 6}, {Writes: first}} { // it grows, and more losses are found
		note(fileA, later, "")
		refused(t, s, a, Cut, id)
	}
	s = reopen(t, s)
	for _, a := range []Ask{a, at("", "/x/new", fileA), at(id, "/x/new", fileA), at("an-id", "/x/a", fileA), at("an-id", "/x/new", fileA)} {
		refused(t, s, a, Cut, id)
		var r *Refusal
		if _, err := s.Find(a); errors.As(err, &r) {
			want := "  ringtgt adopt --state " + s.Dir() + " --id " + id + " file:" + a.Path
			if what := strings.Join(r.Advice("ringtgt"), "\n"); !strings.Contains(what, want) || !strings.Contains(what, "2026-11-28T12:00:00Z") {
				t.Errorf("the advice lacks %q or when it was:\n%s", want, what)
			}
			check.That(t, strings.Contains(r.Error(), "from byte 4 on"), "%v: want it to say what is lost", r)
		}
	}
	if f := bind(t, s, at("", "/x/b", fileB)); f.Disk.ID != other {
		t.Errorf("the other disk is %+v", f)
	}
	k, lost, err := s.Adopt(at(id, "/x/new", fileA))
	check.That(t, err == nil && k.ID == id && lost == (Losses{Cut: first, From: 4, Writes: first}), "Adopt: %+v, %+v, %v", k, lost, err)
	s = reopen(t, s)
	if f := bind(t, s, at("", "/x/new", fileA)); f.Disk.ID != id || f.Disk.Lost != (Losses{}) {
		t.Errorf("after Adopt %+v", f)
	}
	if _, err := s.Note("nobody", medium.Fingerprint{}, Losses{}); !errors.Is(err, ErrUnknown) {
		t.Errorf("Note of a disk that the state does not know: %v", err)
	}
}

// A disk that lost acknowledged writes is served, with a warning at every start until it is adopted.
func TestLostWritesAreKept(t *testing.T) {
	s := open(t, t.TempDir())
	a := Ask{Kind: medium.File, Path: "/x/a", Seen: fingerprint(t, fileA)}
	id := bind(t, s, a).Disk.ID
	first := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	for _, at := range []time.Time{first, first.Add(time.Hour), first.Add(time.Minute)} {
		if why, err := s.Note(id, medium.Fingerprint{}, Losses{Writes: at}); why != "" || err != nil {
			t.Fatal(why, err)
		}
	}
	for range 2 {
		s = reopen(t, s)
		renamed := a
		renamed.Path += "2"
		for _, a := range []Ask{a, renamed, a} {
			if f := bind(t, s, a); f.Disk.ID != id || !f.Disk.Lost.equal(Losses{Writes: first.Add(time.Hour)}) {
				t.Errorf("%+v, want the last loss with it", f)
			}
		}
	}
	if _, _, err := s.Adopt(a); err != nil {
		t.Fatal(err)
	}
	if f := bind(t, s, a); f.Disk.Lost != (Losses{}) {
		t.Errorf("after Adopt %+v", f)
	}
}

// A save succeeds only if the next start finds it. A database that was deleted or replaced under the daemon refuses every save
// (SPC-4 5.13.5: a persistent reservation acknowledged with APTPL survives a loss of power).
func TestDeletedDatabaseTakesNothing(t *testing.T) {
	s := open(t, t.TempDir())
	id := bind(t, s, Ask{Kind: medium.File, Path: "/x/a", Seen: fingerprint(t, fileA)}).Disk.ID
	path, n := filepath.Join(s.Dir(), databaseFile), 0
	want := func(ok bool, because string) {
		t.Helper()
		n++
		save := s.Save("reservations/"+id, []byte("v"))
		_, note := s.Note(id, medium.Fingerprint{}, Losses{Writes: time.Unix(int64(n), 0).UTC()})
		check.That(t, (save == nil) == ok && (note == nil) == ok, "%s: Save %v, Note %v", because, save, note)
	}
	move := func(from, to string) {
		t.Helper()
		must.OK(t, os.Rename(from, to))
	}
	want(true, "the database is there")
	move(path, path+".away")
	want(false, "it was moved away")
	copied := must.Get(os.ReadFile(path + ".away"))(t)
	write(t, path, copied)
	want(false, "a copy is in its place")
	move(path+".away", path)
	want(true, "it is back")
}

// A new size is saved with the disk: a smaller one at the next start is a loss.
func TestNoteKeepsTheSize(t *testing.T) {
	s := open(t, t.TempDir())
	a := Ask{Kind: medium.File, Path: "/x/a", Seen: fingerprint(t, fileA)}
	id := bind(t, s, a).Disk.ID
	if why, err := s.Note(id, fingerprint(t, strings.Replace(fileA, "size=8", "size=16", 1)), Losses{}); why != "" || err != nil {
		t.Fatal(why, err)
	}
	s = reopen(t, s)
	refused(t, s, a, Another, id)
}
