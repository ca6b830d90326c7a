package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"

	"github.com/ringtgt/ringtgt/bench/initiator"
	"github.com/ringtgt/ringtgt/internal/bench/peer"
	"github.com/ringtgt/ringtgt/internal/stat"
)

// idleMemory adds the memory of a connection that is logged in and has no request; with an old binary, compared with the old one's.
func (b *bench) idleMemory(ctx context.Context, r *Row) error {
	if err := files(b.many + spareFiles); err != nil {
		return err
	}
	each, err := b.eachConnection(ctx, b.binary, r)
	if err != nil {
		return err
	}
	if b.before == "" {
		r.figure("memory of an idle connection", Requirement{AtMost: true, Value: 64 << 10, Unit: "KiB"}, stat.Of([]float64{each}))
		return nil
	}
	old, err := b.eachConnection(ctx, b.before, r)
	if err != nil {
		return err
	}
	r.figure("memory of an idle connection, new to old", Requirement{AtMost: true, Value: 1 + slower, Unit: "x"}, stat.Of([]float64{each / old}))
	return nil
}

// eachConnection measures, in a target that is started for it, by how much its resident memory grows with each idle connection.
func (b *bench) eachConnection(ctx context.Context, binary string, r *Row) (float64, error) {
	t, err := peer.Start(ctx, peer.Ringtgt, peer.Options{LUN: peer.LUN{Memory: smallLUN}, CPUs: b.target, Binary: binary})
	if err != nil {
		return 0, err
	}
	defer t.Stop()
	var rss [2]int64
	var sockets, buffers [2]int
	first := 0
	for i, n := range []int{b.few, b.many} { // the first sessions make what the target makes once
		cfg := initiator.LoopsConfig{CPUs: b.client[:1]}
		for k := range n {
			cfg.Sessions = append(cfg.Sessions, t.Session(first+k))
		}
		first += n
		ls, err := initiator.NewLoops(ctx, cfg)
		if err != nil {
			return 0, fmt.Errorf("%d sessions: %w", n, err)
		}
		defer ls.Close()
		if rss[i], err = t.RSS(); err != nil {
			return 0, err
		}
		if sockets[i], buffers[i], err = tcpMemory(); err != nil {
			return 0, err
		}
	}
	n := float64(b.many)
	r.detail("resident memory of the target with %d idle connections: %.1f MiB, with %d %.1f MiB",
		b.few, float64(rss[0])/(1<<20), b.few+b.many, float64(rss[1])/(1<<20))
	r.detail("besides, in the kernel, for both ends of a connection: %.1f KiB of TCP buffers, %.1f sockets (/proc/net/sockstat)",
		float64(buffers[1]-buffers[0])/n/1024, float64(sockets[1]-sockets[0])/n)
	return float64(rss[1]-rss[0]) / n, nil
}

// tcpMemory returns the TCP sockets of this network namespace, and the bytes of their buffers.
func tcpMemory() (sockets, bytes int, err error) {
	fs, err := procfs.NewDefaultFS()
	if err != nil {
		return 0, 0, err
	}
	stat, err := fs.NetSockstat()
	if err != nil {
		return 0, 0, err
	}
	for _, p := range stat.Protocols {
		if p.Protocol == "TCP" && p.Mem != nil {
			return p.InUse, *p.Mem * os.Getpagesize(), nil
		}
	}
	return 0, 0, errors.New("no TCP in /proc/net/sockstat")
}

// files makes sure that this process, and the target after it, may have n files open.
func files(n int) error {
	var lim unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &lim); err != nil {
		return err
	}
	want := unix.Rlimit{Cur: max(lim.Cur, uint64(n)), Max: max(lim.Max, uint64(n))}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &want); err != nil {
		return fmt.Errorf("%d connections want %d open files, and the limit is %d (ulimit -n; %w)", n-spareFiles, n, lim.Max, err)
	}
	return nil
}
