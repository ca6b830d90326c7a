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
	"github.com/ringtgt/ringtgt/internal/bench/peer/echo"
	"github.com/ringtgt/ringtgt/internal/bench/result"
	"github.com/ringtgt/ringtgt/internal/bench/run"
)

// ping measures the responder by a client without iSCSI.
func ping(b *bench, ctx context.Context, at served, o run.Options) (*result.Run, error) {
	h, err := echo.Ping(ctx, at.Portal, b.client[0], 4096, o.Runtime/2)
	if err != nil {
		return nil, err
	}
	elapsed := o.Runtime / 2
	return &result.Run{Elapsed: elapsed, Total: result.Stats{Requests: h.Count(), IOPS: float64(h.Count()) / elapsed.Seconds(), Latency: result.Latency{Histogram: h}}}, nil
}

// fioVariants are the ways in which fio reads and writes: plain, and with everything registered with the ring beforehand.
var fioVariants = []string{"", "--fixedbufs --registerfiles"}

// fio measures the better of its variants on a file.
func fio(b *bench, ctx context.Context, at served, o run.Options) (*result.Run, error) {
	var best *result.Run
	for _, variant := range fioVariants {
		r, err := fioOnce(ctx, at.file, b.target, o, strings.Fields(variant)...)
		if err != nil {
			return nil, err
		}
		if best == nil || r.Total.IOPS > best.Total.IOPS {
			best = r
			best.Target.Software = strings.TrimSpace("fio " + variant)
		}
	}
	return best, nil
}

// fioOnce reads or writes a file at random with fio's io_uring engine, pinned to CPUs.
func fioOnce(ctx context.Context, path string, cpu []int, o run.Options, more ...string) (*result.Run, error) {
	program, err := exec.LookPath("fio")
	if err != nil {
		return nil, fmt.Errorf("fio is %w: install the Debian package fio", peer.ErrMissing)
	}
	args := []string{
		"--name=local", "--filename=" + path, "--rw=" + o.RW, "--bs=4k", fmt.Sprintf("--iodepth=%d", o.IODepth), "--ioengine=io_uring", "--direct=1",
		"--norandommap", "--randrepeat=0", "--time_based", "--thread", "--output-format=json",
		fmt.Sprintf("--runtime=%dms", o.Runtime.Milliseconds()), fmt.Sprintf("--ramp_time=%dms", o.RampTime.Milliseconds()), "--cpus_allowed=" + result.CPUList(cpu),
	}
	if o.RW == "randread" {
		args = append(args, "--readonly")
	}
	cmd := exec.CommandContext(ctx, program, append(args, more...)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("fio: %w: %s", err, bytes.TrimSpace(errs.Bytes()))
	}
	return parseFio(out.Bytes())
}

// parseFio reads the figures of the only job. fio may print warnings before the JSON.
func parseFio(out []byte) (*result.Run, error) {
	type direction struct {
		IOPS    float64 `json:"iops"`
		Total   uint64  `json:"total_ios"`
		Runtime int64   `json:"runtime"` // ms
	}
	var doc struct {
		Jobs []struct {
			Error       int
			Read, Write direction
		}
	}
	i := bytes.IndexByte(out, '{')
	if i < 0 {
		return nil, fmt.Errorf("fio says %q", strings.TrimSpace(string(out)))
	}
	if err := json.Unmarshal(out[i:], &doc); err != nil {
		return nil, fmt.Errorf("fio: %w", err)
	}
	if len(doc.Jobs) != 1 || doc.Jobs[0].Error != 0 {
		return nil, errors.New("fio: its job failed")
	}
	did := doc.Jobs[0].Read
	if did.IOPS <= 0 {
		did = doc.Jobs[0].Write
	}
	if did.IOPS <= 0 {
		return nil, fmt.Errorf("fio: %w", compare.ErrNothing)
	}
	elapsed := max(1, time.Duration(did.Runtime)) * time.Millisecond
	return &result.Run{Elapsed: elapsed, Total: result.Stats{Requests: max(1, did.Total), IOPS: did.IOPS}}, nil
}
