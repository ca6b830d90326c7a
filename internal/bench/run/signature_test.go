package run

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/internal/need"
)

// disk is a disk in memory, sparse: what is not written is zero.
type disk struct {
	size  int64
	bytes map[int64]byte
}

func (d *disk) put(at int64, s string) *disk {
	if d.bytes == nil {
		d.bytes = map[int64]byte{}
	}
	for i := range len(s) {
		d.bytes[at+int64(i)] = s[i]
	}
	return d
}

func (d *disk) read(at int64, n int) ([]byte, error) {
	b := make([]byte, n)
	for i := range b {
		if at+int64(i) >= d.size {
			return nil, errors.New("beyond the end")
		}
		b[i] = d.bytes[at+int64(i)]
	}
	return b, nil
}

func found(t *testing.T, d *disk) []string {
	t.Helper()
	return must.Get(findSignatures(d.size, d.read))(t)
}

// Signatures that no tool of the test machine writes, from the formats' own documents; and near misses.
func TestSignatures(t *testing.T) {
	const size = 64 << 20
	le32 := func(v uint32) string { return string(binary.LittleEndian.AppendUint32(nil, v)) }
	mbr := "\x80\x00\x02\x00\x83\x00\x00\x00" + le32(2048) + le32(4096)
	for name, c := range map[string]struct {
		disk *disk
		want []string
	}{
		"nothing":                  {new(disk), nil},
		"MBR":                      {new(disk).put(446, mbr).put(510, "\x55\xaa"), []string{"MBR partitions"}},
		"MBR without partitions":   {new(disk).put(510, "\x55\xaa"), nil},
		"MBR of no boot flag":      {new(disk).put(446, "\x13"+mbr[1:]).put(510, "\x55\xaa"), nil},
		"NTFS's boot sector":       {new(disk).put(3, "NTFS    ").put(446, mbr).put(510, "\x55\xaa"), []string{"an NTFS file system"}},
		"GPT of blocks of 4096":    {new(disk).put(4096, "EFI PART"), []string{"GPT partitions"}},
		"GPT, only the second":     {new(disk).put(size-512, "EFI PART"), []string{"GPT partitions"}},
		"LVM in the second sector": {new(disk).put(512, "LABELONE").put(512+24, "LVM2 001"), []string{"an LVM physical volume"}},
		"LVM1":                     {new(disk).put(512, "LABELONE").put(512+24, "LVM1 001"), nil},
		"MD 0.90":                  {new(disk).put(size-64<<10, le32(0xa92b4efc)), []string{"a member of a Linux MD array"}},
		"MD 1.0":                   {new(disk).put(size-8<<10, le32(0xa92b4efc)+le32(1)), []string{"a member of a Linux MD array"}},
		"MD 1.1":                   {new(disk).put(0, le32(0xa92b4efc)+le32(1)), []string{"a member of a Linux MD array"}},
		"MD 1.2":                   {new(disk).put(4096, le32(0xa92b4efc)+le32(1)), []string{"a member of a Linux MD array"}},
		"ZFS":                      {new(disk).put(131<<10, "\x0c\xb1\xba\x00\x00\x00\x00\x00"), []string{"a member of a ZFS pool"}},
		"ZFS, big-endian, label 1": {new(disk).put(384<<10, "\x00\x00\x00\x00\x00\xba\xb1\x0c"), []string{"a member of a ZFS pool"}},
		"LUKS2, second header":     {new(disk).put(0x4000, "SKUL\xba\xbe"), []string{"LUKS encryption"}},
		"two":                      {new(disk).put(0, "XFSB").put(4096, le32(0xa92b4efc)+le32(1)), []string{"an XFS file system", "a member of a Linux MD array"}},
		"ext's magic alone":        {new(disk).put(0x438, "\x53\xef\x55\x55"), nil},
		"VMFS":                     {new(disk).put(0x100000, le32(0xc001d00d)), []string{"a VMFS volume"}},
	} {
		c.disk.size = size
		check.That(t, slices.Equal(found(t, c.disk), c.want), "%s: %q, want %q", name, found(t, c.disk), c.want)
	}
}

// A disk that is smaller than the place of a signature has none, and is not read beyond its end.
func TestSignaturesOfSmallDisks(t *testing.T) {
	for _, size := range []int64{512, 4096, 8192, 64 << 10, 128 << 10, 1<<20 + 512} {
		check.That(t, len(found(t, &disk{size: size})) == 0, "%d bytes", size)
	}
}

// Data of a benchmark, or of chance, is no file system.
func TestSignaturesNotInNoise(t *testing.T) {
	rng := rand.NewChaCha8([32]byte{7})
	b := make([]byte, 8<<20)
	for range 20 {
		must.Get(rng.Read(b))(t)
		names := must.Get(findSignatures(int64(len(b)), func(at int64, n int) ([]byte, error) { return b[at : at+int64(n)], nil }))(t)
		check.That(t, len(names) == 0, "%q", names)
	}
}

// What the tools of Debian write is found.
func TestSignaturesOfRealTools(t *testing.T) {
	for name, c := range map[string]struct {
		size    int64
		command []string // with the file's name after it
		stdin   string
		want    string
	}{
		"ext2":  {8 << 20, []string{"mke2fs", "-q", "-F", "-t", "ext2"}, "", "an ext2, ext3 or ext4 file system"},
		"ext4":  {64 << 20, []string{"mke2fs", "-q", "-F", "-t", "ext4"}, "", "an ext2, ext3 or ext4 file system"},
		"xfs":   {512 << 20, []string{"mkfs.xfs", "-q"}, "", "an XFS file system"},
		"btrfs": {256 << 20, []string{"mkfs.btrfs", "-q"}, "", "a Btrfs file system"},
		"fat12": {2 << 20, []string{"mkfs.fat", "-F", "12"}, "", "a FAT file system"},
		"fat16": {32 << 20, []string{"mkfs.fat", "-F", "16"}, "", "a FAT file system"},
		"fat32": {64 << 20, []string{"mkfs.fat", "-F", "32"}, "", "a FAT file system"},
		"ntfs":  {16 << 20, []string{"mkfs.ntfs", "-q", "-F", "-Q"}, "", "an NTFS file system"},
		"swap":  {8 << 20, []string{"mkswap"}, "", "swap space"},
		"luks1": {16 << 20, []string{"cryptsetup", "luksFormat", "-q", "--type", "luks1", "--pbkdf-force-iterations", "1000"}, "secret", "LUKS encryption"},
		"luks2": {32 << 20, []string{"cryptsetup", "luksFormat", "-q", "--type", "luks2", "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000"}, "secret", "LUKS encryption"},
		"gpt":   {8 << 20, []string{"sfdisk", "-q"}, "label: gpt\n,\n", "GPT partitions"},
		"dos":   {8 << 20, []string{"sfdisk", "-q"}, "label: dos\n,\n", "MBR partitions"},
	} {
		t.Run(name, func(t *testing.T) {
			tool := need.Program(t, c.command[0], "that tools/deps.sh names")
			path := filepath.Join(t.TempDir(), "disk")
			must.OK(t, errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, c.size)))
			cmd := exec.Command(tool, append(c.command[1:], path)...)
			if c.stdin != "" {
				in := filepath.Join(t.TempDir(), "in")
				must.OK(t, os.WriteFile(in, []byte(c.stdin), 0o600))
				cmd.Stdin = must.Get(os.Open(in))(t)
			}
			out, err := cmd.CombinedOutput()
			must.Be(t, err == nil, "%v: %v\n%s", cmd, err, out)
			f := must.Get(os.Open(path))(t)
			defer f.Close()
			names := must.Get(findSignatures(c.size, func(at int64, n int) ([]byte, error) {
				b := make([]byte, n)
				_, err := f.ReadAt(b, at)
				return b, err
			}))(t)
			check.That(t, slices.Equal(names, []string{c.want}), "%q, want %q", names, c.want)
		})
	}
}
