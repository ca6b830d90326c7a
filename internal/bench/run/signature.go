package run

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/ringtgt/ringtgt/bench/initiator"
	"github.com/ringtgt/ringtgt/internal/bench/result"
)

// signature is a well-known mark of data on a disk: what libblkid looks for.
type signature struct {
	name  string
	at    []int64 // offsets in bytes; a negative one counts from the end
	magic string
	// also, if not nil, checks more of a superblock whose magic is too short to be unique. b begins at the offset.
	also func(b []byte) bool
}

// signatures are those of file systems, partition tables, volume managers and encryption.
var signatures = []signature{
	{name: "GPT partitions", at: []int64{512, 4096, -512, -4096}, magic: "EFI PART"},
	{name: "an ext2, ext3 or ext4 file system", at: []int64{0x438}, magic: "\x53\xef", also: isExt},
	{name: "an XFS file system", at: []int64{0}, magic: "XFSB"},
	{name: "a Btrfs file system", at: []int64{0x10040}, magic: "_BHRfS_M"},
	{name: "an LVM physical volume", at: []int64{0, 512, 1024, 1536}, magic: "LABELONE", also: isLVM},
	{name: "LUKS encryption", at: []int64{0}, magic: "LUKS\xba\xbe"},
	{name: "LUKS encryption", at: []int64{0x4000, 0x8000, 0x10000, 0x20000, 0x40000, 0x80000, 0x100000, 0x200000, 0x400000}, magic: "SKUL\xba\xbe"},
	{name: "BitLocker encryption", at: []int64{3}, magic: "-FVE-FS-"},
	{name: "swap space", at: pages(-10), magic: "SWAPSPACE2"},
	{name: "swap space", at: pages(-10), magic: "SWAP-SPACE"},
	{name: "a hibernated system", at: pages(-10), magic: "S1SUSPEND\x00"},
	{name: "a member of a ZFS pool", at: uberblocks(), magic: "\x0c\xb1\xba\x00\x00\x00\x00\x00"},
	{name: "a member of a ZFS pool", at: uberblocks(), magic: "\x00\x00\x00\x00\x00\xba\xb1\x0c"},
	{name: "an NTFS file system", at: []int64{3}, magic: "NTFS    "},
	{name: "an exFAT file system", at: []int64{3}, magic: "EXFAT   "},
	{name: "a ReFS file system", at: []int64{3}, magic: "ReFS\x00\x00\x00\x00"},
	{name: "a FAT file system", at: []int64{0x36}, magic: "FAT12   "},
	{name: "a FAT file system", at: []int64{0x36}, magic: "FAT16   "},
	{name: "a FAT file system", at: []int64{0x52}, magic: "FAT32   "},
	{name: "a member of a Linux MD array", at: []int64{0, 4096}, magic: "\xfc\x4e\x2b\xa9\x01\x00\x00\x00"},
	{name: "a bcache device", at: []int64{0x1018}, magic: "\xc6\x85\x73\xf6\x4e\x1a\x45\xca\x82\x65\xf5\x7f\x48\xba\x6d\x81"},
	{name: "a bcachefs file system", at: []int64{0x1018}, magic: "\xc6\x85\x73\xf6\x66\xce\x90\xa9\xd9\x6a\x60\xcf\x80\x3d\xf7\xef"},
	{name: "a Ceph BlueStore device", at: []int64{0}, magic: "bluestore block device"},
	{name: "an Oracle ASM disk", at: []int64{32}, magic: "ORCLDISK"},
	{name: "a VMFS volume", at: []int64{0x100000}, magic: "\x0d\xd0\x01\xc0"},
	{name: "an F2FS file system", at: []int64{0x400}, magic: "\x10\x20\xf5\xf2"},
	{name: "an EROFS file system", at: []int64{0x400}, magic: "\xe2\xe1\xf5\xe0"},
	{name: "a SquashFS file system", at: []int64{0}, magic: "hsqs"},
	{name: "an ISO 9660 file system", at: []int64{0x8001}, magic: "CD001"},
	{name: "a ReiserFS file system", at: []int64{0x10034}, magic: "ReIsEr"},
	{name: "a JFS file system", at: []int64{0x8000}, magic: "JFS1"},
	{name: "a GFS2 file system", at: []int64{0x10000}, magic: "\x01\x16\x19\x70\x00\x00\x00\x01"},
	{name: "an OCFS2 file system", at: []int64{0x400, 0x800, 0x1000, 0x2000}, magic: "OCFSV2"},
	{name: "an HFS+ file system", at: []int64{0x400}, magic: "H+\x00\x04"},
	{name: "an HFS+ file system", at: []int64{0x400}, magic: "HX\x00\x05"},
	{name: "an APFS container", at: []int64{32}, magic: "NXSB"},
	{name: "a UFS file system", at: []int64{0x255c, 0x1055c, 0x4055c}, magic: "\x19\x01\x54\x19"},
	{name: "a UFS file system", at: []int64{0x255c, 0x1055c, 0x4055c}, magic: "\x54\x19\x01\x00"},
	// Last: FAT, NTFS and boot loaders end their first sector in the same way.
	{name: "MBR partitions", at: []int64{510}, magic: "\x55\xaa"},
}

// pages are offsets from the end of the first page, for all sizes of a page.
func pages(before int64) (at []int64) {
	for size := int64(4096); size <= 65536; size *= 2 {
		at = append(at, size+before)
	}
	return at
}

// uberblocks are where ZFS's first two labels have them: in the last 128 KiB of 256, in steps of a KiB or more.
func uberblocks() (at []int64) {
	for _, label := range []int64{0, 256 << 10} {
		for o := int64(128 << 10); o < 256<<10; o += 1024 {
			at = append(at, label+o)
		}
	}
	return at
}

// isExt checks the state, the revision and the size of blocks. b begins at the magic, 0x38 bytes into the superblock.
func isExt(b []byte) bool {
	return len(b) >= 0x18 && binary.LittleEndian.Uint32(b[0x14:]) <= 1 && binary.LittleEndian.Uint16(b[2:]) < 8
}

// isLVM checks the type in a physical volume's label.
func isLVM(b []byte) bool { return len(b) >= 32 && string(b[24:32]) == "LVM2 001" }

// isMBR checks that the four entries are possible and one is in use. sector is the disk's first.
func isMBR(sector []byte) bool {
	used := false
	for e := range slices.Chunk(sector[446:510], 16) {
		if e[0] != 0 && e[0] != 0x80 {
			return false
		}
		used = used || e[4] != 0 && binary.LittleEndian.Uint32(e[12:]) != 0
	}
	return used
}

// mdAtEnd returns where the superblocks 0.90 and 1.0 of an MD array are, which depends on the size of the disk.
func mdAtEnd(size int64) (old, one int64) {
	return size&^(64<<10-1) - 64<<10, (size - 8<<10) &^ (4<<10 - 1)
}

// findSignatures names what is on a disk of some size, each thing once. read returns the bytes from an offset on, fewer at the end.
func findSignatures(size int64, read func(at int64, n int) ([]byte, error)) (names []string, err error) {
	look := func(s *signature, at int64) error {
		n := max(len(s.magic), 32)
		if at < 0 || at+int64(len(s.magic)) > size {
			return nil
		}
		b, err := read(at, int(min(int64(n), size-at)))
		if err != nil {
			return err
		}
		if bytes.HasPrefix(b, []byte(s.magic)) && (s.also == nil || s.also(b)) && !slices.Contains(names, s.name) {
			names = append(names, s.name)
		}
		return nil
	}
	for i := range signatures {
		s := signatures[i]
		if s.name == "MBR partitions" {
			if len(names) > 0 { // the boot sector of what was found
				break
			}
			first, err := read(0, 512)
			if err != nil {
				return names, err
			}
			s.also = func([]byte) bool { return isMBR(first) }
		}
		for _, at := range s.at {
			if at < 0 {
				at += size
			}
			if err := look(&s, at); err != nil {
				return names, err
			}
		}
	}
	md := signature{name: "a member of a Linux MD array", magic: "\xfc\x4e\x2b\xa9"}
	old, one := mdAtEnd(size)
	for _, at := range []int64{old, one} {
		if err := look(&md, at); err != nil {
			return names, err
		}
	}
	return names, nil
}

// unused fails for a unit with a signature, unless the load only reads or is allowed to overwrite it. One command takes at most so
// many bytes; 0: there is no limit.
func (p *plan) unused(ctx context.Context, s *initiator.Session, t *result.Target, most uint64) error {
	if p.work.ReadPercent == 100 || p.Overwrite {
		return nil
	}
	r := unitReader{ctx: ctx, s: s, lun: p.work.LUN, block: int64(t.BlockLen), size: int64(t.Capacity), chunks: map[int64][]byte{}}
	r.chunk = max(probeChunk, r.block)
	for most > 0 && uint64(r.chunk) > most && r.chunk > r.block {
		r.chunk /= 2
	}
	names, err := findSignatures(r.size, r.read)
	if err != nil {
		return fmt.Errorf("LUN %d cannot be searched for data: %s; --overwrite writes to it without a search", t.LUN, plain(err))
	}
	if len(names) > 0 {
		return fmt.Errorf("LUN %d has %s: --rw %s would destroy it; --overwrite writes all the same", t.LUN, strings.Join(names, ", "), p.RW)
	}
	return nil
}

// unitReader reads a unit in aligned chunks and keeps them: signatures are close together.
type unitReader struct {
	ctx         context.Context
	s           *initiator.Session
	lun         uint64
	block, size int64
	chunk       int64 // a power of two
	chunks      map[int64][]byte
}

// read returns n bytes from at on, which are on the disk.
func (r *unitReader) read(at int64, n int) ([]byte, error) {
	var out []byte
	for n > 0 {
		first := at &^ (r.chunk - 1)
		chunk, ok := r.chunks[first]
		if !ok {
			chunk = make([]byte, min(r.chunk, r.size-first))
			if err := r.fetch(first, chunk); err != nil {
				return nil, err
			}
			r.chunks[first] = chunk
		}
		part := chunk[at-first:]
		part = part[:min(len(part), n)]
		out, at, n = append(out, part...), at+int64(len(part)), n-len(part)
	}
	return out, nil
}

// fetch reads a chunk with READ(16) (SBC-3 5.17).
func (r *unitReader) fetch(at int64, b []byte) error {
	cdb := make([]byte, 16)
	cdb[0] = 0x88
	binary.BigEndian.PutUint64(cdb[2:], uint64(at/r.block))
	binary.BigEndian.PutUint32(cdb[10:], uint32(int64(len(b))/r.block))
	n, err := in(r.ctx, r.s, r.lun, cdb, b)
	if err == nil && n < len(b) {
		err = fmt.Errorf("READ at %d returns %d bytes of %d", at, n, len(b))
	}
	return err
}
