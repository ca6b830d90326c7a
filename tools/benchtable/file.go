package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ringtgt/ringtgt/internal/bench/compare"
	"github.com/ringtgt/ringtgt/internal/bench/peer"
	"github.com/ringtgt/ringtgt/internal/bench/result"
	"github.com/ringtgt/ringtgt/internal/bench/run"
	"github.com/ringtgt/ringtgt/internal/stat"
)

// fileRow measures our target in front of a file with O_DIRECT beside fio on the same file, in turns: with loops that stay awake while the
// disk works, which is what fio is held against, and as it is by default.
func fileRow(ctx context.Context, b *bench, r *Row) error {
	path, err := layOut(ctx, b.dir, b.file)
	if err != nil {
		return err
	}
	defer os.Remove(path)
	lun := b.options(peer.LUN{File: path})
	awake := lun
	awake.Args = []string{"--poll", diskPoll.String()}
	if err := besideFio(ctx, b, r, path, awake, "IOPS, times local fio io_uring's, with --poll "+diskPoll.String(), &Requirement{Value: 0.85, Unit: "x"}); err != nil {
		return err
	}
	if err := besideFio(ctx, b, r, path, lun, "the same with the default --poll", nil); err != nil {
		return err
	}
	ours, err := peer.Start(ctx, peer.Ringtgt, lun)
	if err != nil {
		return err
	}
	defer ours.Stop()
	tgt, err := peer.Start(ctx, peer.Tgt, lun)
	if err != nil {
		return err
	}
	defer tgt.Stop()
	c, err := b.compare(ctx, run.Options{RW: "randread", BlockSize: "4k", IODepth: 32}, ours, tgt, b.tails)
	if err != nil {
		return err
	}
	r.Comparison, r.Noise = c, c.Noise
	if err := b.tail(c, r); err != nil {
		return err
	}
	b.sides(c, r, result.FigureIOPSPerCPU)
	return nil
}

// besideFio measures our target and fio in turns. Without a requirement the figure is one of the row's details.
func besideFio(ctx context.Context, b *bench, r *Row, path string, lun peer.Options, name string, req *Requirement) error {
	ours, err := peer.Start(ctx, peer.Ringtgt, lun)
	if err != nil {
		return err
	}
	defer ours.Stop()
	o := b.run(run.Options{RW: "randread", BlockSize: "4k", IODepth: 32, URL: ours.URL, TargetPID: ours.PID, Poll: clientPoll})
	var ratios, own, local, perCPU []float64
	names := [2]int{}
	for i := range b.rounds {
		var mine, best float64
		variant := 0
		parts := []func() error{
			func() error {
				got, err := run.Do(ctx, o)
				if err != nil || ctx.Err() != nil {
					return err
				}
				if mine = got.Total.IOPS; mine == 0 {
					return fmt.Errorf("%s: %w in a run of %v", ours.Name, compare.ErrNothing, o.Runtime)
				}
				if v, ok := got.Figure(result.FigureIOPSPerCPU); ok {
					perCPU = append(perCPU, v)
				}
				return nil
			},
			func() error {
				for v, more := range fioVariants {
					iops, err := fio(ctx, path, b.target, 32, b.ramp, b.runtime, more...)
					if err != nil {
						return err
					}
					if iops > best {
						best, variant = iops, v
					}
				}
				return nil
			},
		}
		for k := range parts {
			if err := parts[(k+i)%2](); err != nil {
				return err
			}
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		names[variant]++
		ratios, own, local = append(ratios, mine/best), append(own, mine), append(local, best)
	}
	if req != nil {
		r.figure(name, *req, stat.Of(ratios))
	} else {
		r.detail("%s: %s", name, result.FormatRatio(stat.Of(ratios)))
	}
	cpu := ""
	if len(perCPU) > 0 {
		cpu = fmt.Sprintf(", %s per target CPU-second", result.FormatSI(stat.Median(perCPU), ""))
	}
	r.detail("ringtgt %s IOPS%s; fio %s IOPS on the same CPU (the better of plain, %d times, and --fixedbufs --registerfiles, %d times)",
		result.FormatSI(stat.Median(own), ""), cpu, result.FormatSI(stat.Median(local), ""), names[0], names[1])
	return nil
}

// layOut writes a file of random data past the page cache in a directory of a disk's file system, and returns its path.
func layOut(ctx context.Context, dir string, size int64) (path string, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return "", fmt.Errorf("%s: %w", dir, err)
	}
	switch st.Type {
	case unix.TMPFS_MAGIC, unix.RAMFS_MAGIC:
		return "", fmt.Errorf("%s is in memory: name a directory on a disk by -dir", dir)
	}
	f, err := os.CreateTemp(dir, "ringtgt-bench-*.img")
	if err != nil {
		return "", err
	}
	defer func() {
		if cerr := f.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	if err := setDirect(f); err != nil {
		return "", fmt.Errorf("%s: the file system has no O_DIRECT: %w; name another directory by -dir", dir, err)
	}
	rng := rand.NewChaCha8([32]byte{1})
	buf := aligned(fileBlock)
	for at := int64(0); at < size; at += fileBlock {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		b := buf[:min(fileBlock, size-at)]
		_, _ = io.ReadFull(rng, b) // it never fails
		if _, err := f.Write(b); err != nil {
			return "", err
		}
	}
	return f.Name(), f.Sync()
}

func setDirect(f *os.File) error {
	flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFL, 0)
	if err == nil {
		_, err = unix.FcntlInt(f.Fd(), unix.F_SETFL, flags|unix.O_DIRECT)
	}
	return err
}

// aligned returns n bytes that begin on a page, as O_DIRECT wants them.
func aligned(n int) []byte {
	const page = 4096
	b := make([]byte, n+page)
	off := int(-uintptr(unsafe.Pointer(unsafe.SliceData(b))) & (page - 1))
	return b[off : off+n]
}
