package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/ringtgt/ringtgt/internal/bench/compare"
	"github.com/ringtgt/ringtgt/internal/bench/peer"
)

// fioVariants are the ways in which fio reads: plain, and with everything registered with the ring beforehand.
var fioVariants = [][]string{nil, {"--fixedbufs", "--registerfiles"}}

// fio reads a file at random with its io_uring engine, bound to CPUs, and returns IOPS.
func fio(ctx context.Context, path string, cpu []int, depth int, ramp, runtime time.Duration, more ...string) (float64, error) {
	program, err := exec.LookPath("fio")
	if err != nil {
		return 0, fmt.Errorf("fio is %w: install the Debian package fio", peer.ErrMissing)
	}
	args := []string{
		"--name=local", "--filename=" + path, "--rw=randread", "--bs=4k", fmt.Sprintf("--iodepth=%d", depth), "--ioengine=io_uring", "--direct=1",
		"--norandommap", "--randrepeat=0", "--time_based", "--readonly", "--thread", "--output-format=json",
		fmt.Sprintf("--runtime=%dms", runtime.Milliseconds()), fmt.Sprintf("--ramp_time=%dms", ramp.Milliseconds()), "--cpus_allowed=" + cpus(cpu),
	}
	cmd := exec.CommandContext(ctx, program, append(args, more...)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		return 0, fmt.Errorf("fio: %w: %s", err, bytes.TrimSpace(errs.Bytes()))
	}
	return parseFio(out.Bytes())
}

// parseFio reads the IOPS of the only job. fio may put lines of warning before the JSON.
func parseFio(out []byte) (float64, error) {
	var doc struct {
		Jobs []struct {
			Error int
			Read  struct {
				IOPS     float64 `json:"iops"`
				TotalIOs int64   `json:"total_ios"`
			}
		}
	}
	i := bytes.IndexByte(out, '{')
	if i < 0 {
		return 0, fmt.Errorf("fio says %q", strings.TrimSpace(string(out)))
	}
	if err := json.Unmarshal(out[i:], &doc); err != nil {
		return 0, fmt.Errorf("fio: %w", err)
	}
	if len(doc.Jobs) != 1 || doc.Jobs[0].Error != 0 {
		return 0, errors.New("fio: its job failed")
	}
	if doc.Jobs[0].Read.IOPS <= 0 {
		return 0, fmt.Errorf("fio: %w", compare.ErrNothing)
	}
	return doc.Jobs[0].Read.IOPS, nil
}
