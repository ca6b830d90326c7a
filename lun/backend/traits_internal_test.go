package backend

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/ringtgt/ringtgt/internal/must"
)

// TestUnknownTraits: what the kernel does not tell (a container without /sys) is what promises less. A write cache that is
// not known to be write-through is volatile.
func TestUnknownTraits(t *testing.T) {
	f := must.Get(os.Create(filepath.Join(t.TempDir(), "f")))(t)
	defer f.Close()
	dir := t.TempDir()
	for _, c := range []struct {
		name       string
		cache, rot string // "": there is no such file
		direct     bool
		want       traits
	}{
		{"nothing is known", "", "", true, traitVolatile | traitRotating},
		{"write through", "write through\n", "0\n", true, 0},
		{"write back", "write back\n", "0\n", true, traitVolatile},
		{"a word that nobody knows", "write around\n", "0\n", true, traitVolatile},
		{"the page cache", "write through\n", "1\n", false, traitVolatile | traitRotating},
	} {
		q := queueDir(filepath.Join(dir, c.name))
		if c.cache != "" {
			os.Mkdir(string(q), 0o700)
			os.WriteFile(filepath.Join(string(q), "write_cache"), []byte(c.cache), 0o600)
			os.WriteFile(filepath.Join(string(q), "rotational"), []byte(c.rot), 0o600)
		}
		if got := deviceTraits(int(f.Fd()), q, c.direct) &^ traitTrimFirst; got != c.want {
			t.Errorf("%s: %b, want %b", c.name, got, c.want)
		}
	}
	b := &Block{}
	if err := b.thin(queueDir(dir)); err == nil || b.geom.Thin {
		t.Errorf("thin where nothing is known of discards: %v", err)
	}
}
