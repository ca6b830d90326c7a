package backend

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/lun"
)

// The owner of a file is told of each loss at once, whichever request finds it. A read that met the end has found one, even if
// the file has its old length again when it is checked.
func TestLossIsToldAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "disk")
	told := 0
	f := must.Get(OpenFile(Spec{Kind: KindFile, Path: path, Size: 16 * 512, BlockSize: 512, Direct: DirectOff, Lost: func() { told++ }}))(t)
	defer f.Close()
	want := func(n int, lost bool, lba uint64, because string) {
		t.Helper()
		if c := f.Inspect(); c.Lost != lost || c.LostLBA != lba || told != n {
			t.Errorf("%s: %+v, told %d times, want from block %d on, %d times", because, c, told, lba, n)
		}
	}
	want(0, false, 0, "all is there")
	check.Equal(t, f.behindEnd(&lun.Request{Kind: lun.OpRead, Off: 12 * 512, Len: 4 * 512, Moved: 512}), lun.ErrMedium, "a read that met the end:")
	want(1, true, 13, "a read met the end at block 13")
	want(1, true, 13, "nothing new")
	must.OK(t, os.Truncate(path, 14*512))
	want(1, true, 13, "no block of it was there any more")
	must.OK(t, os.Truncate(path, 10*512+511))
	want(2, true, 10, "an inspection finds it short")
}
