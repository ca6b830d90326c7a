package medium

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func file(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func of(t *testing.T, path string) Fingerprint {
	t.Helper()
	f, err := OfPath(path)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// All spellings of a file's path have one fingerprint. A copy, and a later file with its name or inode, have another one.
func TestFile(t *testing.T) {
	dir := t.TempDir()
	path := file(t, dir, "a", "12345678")
	f := of(t, path)
	if f.Size() != 8 || f.Kind() != File {
		t.Errorf("%s", f)
	}
	if uuid := f.get(factFSUUID); uuid != "" && strings.Trim(uuid, "0") == "" {
		t.Errorf("%s: no file system has this UUID", f)
	}
	if born, ok := f.Born(); ok && time.Since(born) > time.Hour {
		t.Errorf("%s: born an hour ago", f)
	}
	link, hard := filepath.Join(dir, "link"), filepath.Join(dir, "hard")
	if err := errors.Join(os.Symlink("a", link), os.Link(path, hard), os.Mkdir(filepath.Join(dir, "d"), 0o755)); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{link, hard, filepath.Join(dir, "d") + "/../a"} {
		if g := of(t, p); Differs(f, g) != "" || !SharesPlace(f, g) {
			t.Errorf("%s is %s, and the file %s", p, g, f)
		}
	}
	open, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	if g, err := OfFD(int(open.Fd())); err != nil || g.String() != f.String() {
		t.Errorf("open it is %s, %v; at its path %s", g, err, f)
	}
	other := of(t, file(t, dir, "copy", "12345678"))
	if Differs(f, other) == "" || Same(f, other) || SharesPlace(f, other) {
		t.Errorf("a copy, %s, passes for %s", other, f)
	}
	if f.Identifies() {
		os.Remove(path)
		os.Remove(hard)
		if again := of(t, file(t, dir, "a", "12345678")); Differs(f, again) == "" {
			t.Errorf("a new file of the name, %s, passes for %s", again, f)
		}
	} else {
		t.Logf("this file system has no birth times: %s", f)
	}
	for _, p := range []string{dir, "/dev/null"} {
		if _, err := OfPath(p); !errors.Is(err, ErrKind) {
			t.Errorf("OfPath(%s): %v", p, err)
		}
	}
	if _, err := OfPath(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("OfPath of no file: %v", err)
	}
}

// An open file whose path leads elsewhere is detected, with the reason.
func TestStillAt(t *testing.T) {
	for name, tt := range map[string]struct {
		do   func(path string) error
		want error
	}{
		"nothing happened": {func(string) error { return nil }, nil},
		"deleted":          {os.Remove, ErrDeleted},
		"moved away":       {func(p string) error { return os.Rename(p, p+".old") }, ErrGone},
		"moved with its folder": {func(p string) error {
			return os.Rename(filepath.Dir(p), filepath.Dir(p)+".old")
		}, ErrGone},
		"another moved over it": {func(p string) error {
			return errors.Join(os.WriteFile(p+".new", []byte("12345678"), 0o644), os.Rename(p+".new", p))
		}, ErrOther},
		"moved away, and a link in its place": {func(p string) error {
			return errors.Join(os.Rename(p, p+".old"), os.Symlink(p+".old", p))
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			path := file(t, filepath.Join(t.TempDir(), "d"), "a", "12345678")
			f, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if err := tt.do(path); err != nil {
				t.Fatal(err)
			}
			if err := StillAt(int(f.Fd()), path); !errors.Is(err, tt.want) {
				t.Errorf("StillAt: %v, want %v", err, tt.want)
			}
		})
	}
}

// tree creates a sysfs with a folder for each device and links by device number.
func tree(t *testing.T, attributes map[string]string, numbers map[string]string) System {
	t.Helper()
	dir := t.TempDir()
	s := System{Sys: filepath.Join(dir, "sys"), Udev: filepath.Join(dir, "udev"), Dev: filepath.Join(dir, "dev")}
	for name, text := range attributes {
		file(t, dir, name, text)
	}
	if err := os.MkdirAll(filepath.Join(s.Sys, "dev/block"), 0o755); err != nil {
		t.Fatal(err)
	}
	for number, device := range numbers {
		file(t, dir, "sys/devices/"+device+"/dev", number+"\n")
		if err := os.Symlink("../../devices/"+device, filepath.Join(s.Sys, "dev/block", number)); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// The sysfs of several kinds of devices, as in Linux 6.12.
func TestDevice(t *testing.T) {
	backing := file(t, t.TempDir(), "backing", "x")
	s := tree(t, map[string]string{
		"sys/devices/sda/device/wwid":         "naa.5000c500a1b2c3d4\n",
		"sys/devices/sda/device/vpd_pg80":     "\x00\x80\x00\x04WXYZ",
		"sys/devices/sda/size":                "4096\n",
		"sys/devices/sda/sda1/partition":      "1\n",
		"sys/devices/sda/sda1/size":           "2048\n",
		"sys/devices/sda/sda1/uevent":         "MAJOR=8\nPARTN=1\nPARTUUID=AAAA-01\n",
		"sys/devices/sda/sda2/partition":      "2\n",
		"udev/b8:2":                           "S:disk/by-x\nE:ID_PART_ENTRY_UUID=bbbb-02\n",
		"sys/devices/sdb/device/vpd_pg80":     "\x00\x80\x00\x08  WXYZ  ",
		"sys/devices/sdc/size":                "8\n",
		"udev/b8:32":                          "E:ID_SERIAL=SanDisk_Cruzer_1\n",
		"sys/devices/nvme0n1/wwid":            "eui.0025385b71b0e4d1\n",
		"sys/devices/nvme0n1/device/serial":   "S4EV\n",
		"sys/devices/vda/serial":              "disk-7\n",
		"sys/devices/vdb/size":                "16\n",
		"sys/devices/dm-0/dm/uuid":            "LVM-abc\n",
		"sys/devices/dm-0/dm/name":            "vg-lv\n",
		"sys/devices/dm-1/dm/uuid":            "\n",
		"sys/devices/dm-1/dm/name":            "bare\n",
		"sys/devices/md0/md/uuid":             "01-02\n",
		"udev/b9:0":                           "E:MD_UUID=1:2\n",
		"sys/devices/loop0/loop/backing_file": backing + "\n",
		"sys/devices/loop0/loop/offset":       "512\n",
		"sys/devices/loop1/loop/backing_file": "/gone/x y (deleted)\n",
		"sys/devices/loop1/loop/offset":       "0\n",
	}, map[string]string{
		"8:0": "sda", "8:1": "sda/sda1", "8:2": "sda/sda2", "8:16": "sdb", "8:32": "sdc", "259:0": "nvme0n1", "252:0": "vda", "252:16": "vdb",
		"253:0": "dm-0", "253:1": "dm-1", "9:0": "md0", "7:0": "loop0", "7:1": "loop1",
	})
	for _, tt := range []struct {
		major, minor uint32
		want         string
	}{
		{8, 0, "block wwid=naa.5000c500a1b2c3d4 size=2097152"},
		{8, 1, "block wwid=naa.5000c500a1b2c3d4 part=1 partuuid=aaaa-01 size=1048576"},
		{8, 2, "block wwid=naa.5000c500a1b2c3d4 part=2 partuuid=bbbb-02"},
		{8, 16, "block serial=WXYZ"},
		{8, 32, "block serial=SanDisk_Cruzer_1 size=4096"},
		{259, 0, "block wwid=eui.0025385b71b0e4d1"},
		{252, 0, "block serial=disk-7"},
		{252, 16, "block size=8192"},
		{253, 0, "block dm=LVM-abc"},
		{253, 1, "block dmname=bare"},
		{9, 0, "block md=01-02 mduuid=1:2"},
		{7, 1, "block backing=/gone/x_y_(deleted) offset=0"},
		{1, 2, "block"},
	} {
		if f := s.device(tt.major, tt.minor); f.String() != tt.want {
			t.Errorf("%d:%d is %s, want %s", tt.major, tt.minor, f, tt.want)
		}
	}
	loop, behind := s.device(7, 0), of(t, backing)
	if !SharesPlace(loop, behind) {
		t.Errorf("loop device %v and the file behind it %v share no place", loop.Places(), behind.Places())
	}
	if text := loop.String(); !strings.Contains(text, "backing.inode=") || !strings.HasSuffix(text, " offset=512") {
		t.Errorf("loop device: %s", text)
	}
	// a partition has neither the disk's names nor those of another partition
	disk, one, two := s.device(8, 0), s.device(8, 1), s.device(8, 2)
	if Same(disk, one) || Same(one, two) || !Same(one, s.device(8, 1)) {
		t.Error("a disk and its partitions are taken for each other")
	}
	for number, identifies := range map[uint32]bool{0: true, 16: false} {
		if f := s.device(252, number); f.Identifies() != identifies {
			t.Errorf("%s: Identifies = %t", f, !identifies)
		}
	}
}
