package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/ringtgt/ringtgt/tools/kerneltest/power"
)

// serve gets cuts 0 to n-1 from the host, and shows the host what a daemon serves after each.
func serve(ctx context.Context, n int) error {
	m, err := openMapper()
	if err != nil {
		return err
	}
	seen, err := drive("kt-seen")
	if err != nil {
		return err
	}
	for i := range n {
		if err := host("cut", fmt.Sprint(i)); err != nil {
			return err
		}
		if err := serveCut(ctx, m, seen); err != nil {
			return fmt.Errorf("cut %d: %w", i, err)
		}
		if err := host("seen", fmt.Sprint(i)); err != nil {
			return err
		}
	}
	return nil
}

// serveCut serves the images that are on the drives.
func serveCut(ctx context.Context, m *mapper, seen string) error {
	if err := mapDisks(m, false); err != nil {
		return err
	}
	if err := mountDisks(); err != nil {
		return err
	}
	t, err := startTarget(ctx, func() error { return nil })
	if err != nil {
		return err
	}
	defer t.kill()
	if err := look(ctx, seen); err != nil {
		status(err)
		return err
	}
	if err := t.stop(); err != nil {
		return fmt.Errorf("the daemon's end: %w", err)
	}
	if err := unmountDisks(); err != nil {
		return err
	}
	return unmapDisks(m)
}

// look writes what an initiator sees to the drive "seen".
func look(ctx context.Context, seen string) error {
	out, err := os.OpenFile(seen, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer out.Close()
	s, err := dial(ctx, "a")
	if err != nil {
		return err
	}
	defer s.Close()
	var all power.Seen
	for lun := range power.LUNs {
		u := &all.Units[lun]
		if u.NAA, err = naa(ctx, s, lun); err != nil {
			return err
		}
		data, err := readAll(ctx, s, lun)
		if sanitizeFailed(err) {
			u.Failed = true
			continue
		} else if err != nil {
			return err
		}
		if _, err := out.WriteAt(data, int64(lun)*power.Blocks*power.BlockSize); err != nil {
			return err
		}
		if u.Reservations, err = reservations(ctx, s, lun); err != nil {
			return err
		}
		page, err := caching(ctx, s, lun)
		if err != nil {
			return err
		}
		u.WCE = page[6]&wceBit != 0
	}
	text, err := json.Marshal(all)
	if err != nil {
		return err
	}
	if _, err := out.WriteAt(append(text, make([]byte, power.SeenSize-len(text))...), power.SeenAt); err != nil {
		return err
	}
	return out.Sync()
}

// status prints the daemon's status to the console after a failure.
func status(why error) {
	fmt.Fprintln(os.Stderr, why)
	cmd := exec.Command("/kt/ringtgt", "status", "--state", "/mnt/state/"+power.StateDir)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	_ = cmd.Run()
}

// control is the channel to the host.
var control = os.NewFile(3, "control")

// host sends a request to the host and waits for the answer.
func host(words ...string) error {
	if _, err := fmt.Fprintln(control, "HOST", strings.Join(words, " ")); err != nil {
		return err
	}
	var line []byte
	for b := make([]byte, 1); ; { // byte by byte: what follows the line belongs to the agent
		if n, err := control.Read(b); err != nil {
			return err
		} else if n == 1 && b[0] == '\n' {
			break
		} else if n == 1 {
			line = append(line, b[0])
		}
	}
	if answer := strings.TrimSpace(string(line)); answer != "OK" {
		return fmt.Errorf("host %s: %s", strings.Join(words, " "), answer)
	}
	return nil
}
