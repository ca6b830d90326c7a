package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The device-mapper ioctls that the test needs (linux/dm-ioctl.h). dmsetup would cost a process for each mark.
const (
	dmHeader     = 312 // struct dm_ioctl
	dmTargetSpec = 40  // struct dm_target_spec
	dmControl    = "/dev/mapper/control"

	dmDevCreate  = 0xC138FD03
	dmDevRemove  = 0xC138FD04
	dmDevSuspend = 0xC138FD06 // without the suspend flag it resumes
	dmTableLoad  = 0xC138FD09
	dmTargetMsg  = 0xC138FD0E
)

// mapper makes and removes device-mapper devices.
type mapper struct{ control *os.File }

func openMapper() (*mapper, error) {
	f, err := os.OpenFile(dmControl, os.O_RDWR, 0)
	return &mapper{f}, err
}

// call issues one ioctl for the device called name.
func (m *mapper) call(request uintptr, name, uuid string, targets uint32, payload []byte) ([]byte, error) {
	buf := make([]byte, (dmHeader+len(payload)+7)/8*8)
	le := binary.LittleEndian
	le.PutUint32(buf[0:], 4) // the interface's version, 4.0.0
	le.PutUint32(buf[12:], uint32(len(buf)))
	le.PutUint32(buf[16:], dmHeader)
	le.PutUint32(buf[20:], targets)
	copy(buf[48:48+127], name)
	copy(buf[176:176+128], uuid)
	copy(buf[dmHeader:], payload)
	if _, _, e := unix.Syscall(unix.SYS_IOCTL, m.control.Fd(), request, uintptr(unsafe.Pointer(&buf[0]))); e != 0 {
		return nil, fmt.Errorf("device-mapper %s, ioctl %#x: %w", name, request, e)
	}
	return buf, nil
}

// create makes device name with one target of size bytes, and its node in /dev/mapper.
func (m *mapper) create(name string, size int64, target, params string) error {
	buf, err := m.call(dmDevCreate, name, "RINGTGT-"+name, 0, nil)
	if err != nil {
		return err
	}
	dev := binary.LittleEndian.Uint64(buf[40:])
	spec := make([]byte, dmTargetSpec, dmTargetSpec+len(params)+1)
	binary.LittleEndian.PutUint64(spec[8:], uint64(size/512))
	copy(spec[24:], target)
	if _, err := m.call(dmTableLoad, name, "", 1, append(append(spec, params...), 0)); err != nil {
		return err
	}
	if _, err := m.call(dmDevSuspend, name, "", 0, nil); err != nil {
		return err
	}
	link := filepath.Join("/dev/mapper", name)
	if err := os.Remove(link); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Symlink(fmt.Sprintf("../dm-%d", unix.Minor(dev)), link)
}

// remove removes the device. When it returns, a log of dm-log-writes is complete.
func (m *mapper) remove(name string) error {
	_, err := m.call(dmDevRemove, name, "", 0, nil)
	return errors.Join(err, os.Remove(filepath.Join("/dev/mapper", name)))
}

// message sends text to the device's target.
func (m *mapper) message(name, text string) error {
	_, err := m.call(dmTargetMsg, name, "", 0, append(append(make([]byte, 8), text...), 0))
	return err
}

// drive finds a drive by the serial number that qemu gave it. NVMe drives are numbered in the order of their probes.
func drive(serial string) (string, error) {
	blocks, err := filepath.Glob("/sys/block/*")
	if err != nil {
		return "", err
	}
	for _, block := range blocks {
		for _, file := range []string{"serial", "device/serial"} { // virtio; NVMe
			if text, err := os.ReadFile(filepath.Join(block, file)); err == nil && strings.TrimSpace(string(text)) == serial {
				return "/dev/" + filepath.Base(block), nil
			}
		}
	}
	return "", fmt.Errorf("no drive has the serial number %q", serial)
}
