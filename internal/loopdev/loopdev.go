// Package loopdev attaches files to loop devices for tests.
package loopdev

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// Device is a loop device with a file behind it.
type Device struct {
	Path string // such as /dev/loop0

	detach sync.Once
	err    error
}

// Attach attaches the file to a free loop device until the test ends. The error says why this machine cannot: options are
// losetup's.
func Attach(t testing.TB, file string, options ...string) (*Device, error) {
	t.Helper()
	if os.Getuid() != 0 {
		return nil, errors.New("only root attaches loop devices")
	}
	out, err := exec.Command("losetup", append(append([]string{"--find", "--show"}, options...), file)...).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("losetup (package mount): %w: %s", err, strings.TrimSpace(string(out)))
	}
	d := &Device{Path: strings.TrimSpace(string(out))}
	t.Cleanup(func() {
		if err := d.Detach(); err != nil {
			t.Error(err)
		}
	})
	return d, nil
}

// Detach takes the file from the device, once: as soon as a device is free, another test may have attached a file of its own to
// it, and a second losetup --detach would take that one.
func (d *Device) Detach() error {
	d.detach.Do(func() {
		if out, err := exec.Command("losetup", "--detach", d.Path).CombinedOutput(); err != nil {
			d.err = fmt.Errorf("losetup --detach %s: %w: %s", d.Path, err, out)
		}
	})
	return d.err
}
