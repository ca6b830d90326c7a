package medium

import (
	"os"
	"path/filepath"
	"testing"
)

// Kernel names may move. The proposed name is derived from the device's own identification.
func TestMoves(t *testing.T) {
	const node = "/dev/loop0"
	if info, err := os.Stat(node); err != nil || info.Mode().Type() != os.ModeDevice {
		t.Skipf("%s is no block device here: no name of one can be looked at", node)
	}
	s := Host()
	s.Dev = t.TempDir()
	if name, moves := s.Moves(node); name != "" || !moves {
		t.Errorf("Moves(%s) = %q, %t; want no name, true", node, name, moves)
	}
	for _, link := range []string{"disk/by-id/usb-x", "disk/by-id/wwn-0x5", "mapper/m"} {
		path := filepath.Join(s.Dev, link)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(node, path); err != nil {
			t.Fatal(err)
		}
		if name, moves := s.Moves(node); name != path || !moves {
			t.Errorf("Moves(%s) = %q, %t; want %s, true", node, name, moves, path)
		}
		if name, moves := s.Moves(path); moves {
			t.Errorf("Moves(%s) = %q, true: a link is somebody's choice", path, name)
		}
	}
}
