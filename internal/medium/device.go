package medium

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// device collects the facts that the kernel and udev report about a block device.
func (s System) device(major, minor uint32) Fingerprint {
	f := Fingerprint{kind: Block, places: []string{fmt.Sprintf("block %d:%d", major, minor)}}
	dir := filepath.Join(s.Sys, "dev/block", fmt.Sprintf("%d:%d", major, minor))
	number := fmt.Sprintf("%d:%d", major, minor)
	whole, wholeNumber := dir, number
	part := attribute(dir, "partition")
	if part != "" {
		if real, err := filepath.EvalSymlinks(dir); err == nil {
			whole = filepath.Dir(real)
			wholeNumber = attribute(whole, "dev")
		}
	}
	f.disk(whole, s.udev(wholeNumber))
	f.loop(whole)
	if part != "" {
		f.add(factPart, part)
		uuid := property(attribute(dir, "uevent"), "PARTUUID=")
		if uuid == "" {
			uuid = property(s.udev(number), "E:ID_PART_ENTRY_UUID=")
		}
		f.add(factPartUUID, strings.ToLower(uuid))
	}
	if sectors, err := strconv.ParseInt(attribute(dir, "size"), 10, 64); err == nil {
		f.add(factSize, fmt.Sprint(sectors*512)) // in units of 512 bytes, whatever the block size
	}
	return f
}

// disk adds the facts that identify a whole device. sys is its folder in sysfs, udev its record in udev's database.
func (f *Fingerprint) disk(sys, udev string) {
	before := len(f.facts)
	for _, name := range []string{"device/wwid", "wwid"} { // SCSI, NVMe
		if v := attribute(sys, name); v != "" {
			f.add(factWWID, v)
			break
		}
	}
	f.add(factDM, attribute(sys, "dm/uuid"))
	f.add(factMD, attribute(sys, "md/uuid"))
	f.add(factMDUdev, property(udev, "E:MD_UUID="))
	if len(f.facts) == before {
		f.add(factDMName, attribute(sys, "dm/name"))
	}
	if len(f.facts) > before {
		return
	}
	for _, v := range []string{
		attribute(sys, "serial"),        // virtio
		attribute(sys, "device/serial"), // MMC
		pageSerial(attribute(sys, "device/vpd_pg80")),
		property(udev, "E:ID_SERIAL="), // USB
	} {
		if v != "" {
			f.add(factSerial, v)
			return
		}
	}
}

// pageSerial returns the serial number in a VPD page 80h (SPC-4 7.8.14).
func pageSerial(page string) string {
	if len(page) < 4 {
		return ""
	}
	return page[4:]
}

// loop adds the facts of a loop device's backing file.
func (f *Fingerprint) loop(sys string) {
	path := attribute(sys, "loop/backing_file")
	if path == "" {
		return
	}
	var st unix.Statx_t
	if statx(unix.AT_FDCWD, path, 0, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFREG {
		f.places = append(f.places, placeOf(&st))
		fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
		if err != nil {
			fd = -1
		} else {
			defer unix.Close(fd)
		}
		f.file(ofBacking, fd, path, &st)
	} else {
		f.add(factBacking, path)
	}
	f.add(factOffset, attribute(sys, "loop/offset"))
}

// udev returns a device's record in udev's database, "" without udev.
func (s System) udev(number string) string {
	if number == "" {
		return ""
	}
	return attribute(s.Udev, "b"+number)
}

// property returns the rest of the first line of text that begins with prefix.
func property(text, prefix string) string {
	for line := range strings.Lines(text) {
		if v, ok := strings.CutPrefix(line, prefix); ok {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// BackingFile returns the file behind a loop device at path, "" for anything else.
func (s System) BackingFile(path string) string {
	var st unix.Statx_t
	if statx(unix.AT_FDCWD, path, 0, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFBLK {
		return ""
	}
	return attribute(s.Sys, "dev/block", fmt.Sprintf("%d:%d", st.Rdev_major, st.Rdev_minor), "loop/backing_file")
}

// movingPrefixes are prefixes of kernel device names, which are numbered in the order of discovery.
var movingPrefixes = []string{"sd", "nvme", "loop", "vd", "xvd", "hd", "dm-", "md", "mmcblk", "nbd", "rbd", "zd", "sr", "ram"}

// Moves reports whether path is a kernel name, which another device may have after a restart. stable is a stable name of the same
// device, if there is one.
func (s System) Moves(path string) (stable string, moves bool) {
	dev, err := os.Lstat(path)
	if err != nil || dev.Mode().Type() != os.ModeDevice {
		return "", false // links are made on purpose, mostly by udev
	}
	base := filepath.Base(path)
	for _, p := range movingPrefixes {
		if rest, ok := strings.CutPrefix(base, p); ok && rest != "" {
			moves = true
		}
	}
	if !moves {
		return "", false
	}
	return s.stableName(dev), true
}

// stableFolders have links named after properties of the devices, the best names first.
var stableFolders = []string{"mapper/*", "md/*", "disk/by-id/wwn-*", "disk/by-id/nvme-*", "disk/by-id/*", "disk/by-partuuid/*"}

func (s System) stableName(dev os.FileInfo) string {
	for _, pattern := range stableFolders {
		names, _ := filepath.Glob(filepath.Join(s.Dev, pattern)) // the patterns are valid
		for _, name := range names {
			if info, err := os.Stat(name); err == nil && sameDevice(info, dev) {
				return name
			}
		}
	}
	return ""
}

func sameDevice(a, b os.FileInfo) bool {
	return a.Mode().Type() == os.ModeDevice && rdev(a) == rdev(b)
}
