package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"

	"golang.org/x/sys/unix"
)

// laidOut returns file i, which is laid out when it is needed first and stays for later rows.
func (b *bench) laidOut(ctx context.Context, i int) (string, error) {
	for len(b.files) <= i {
		path, err := layOut(ctx, b.dir, b.file)
		if err != nil {
			return "", err
		}
		b.files = append(b.files, path)
	}
	return b.files[i], nil
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
	if _, err := unix.FcntlInt(f.Fd(), unix.F_SETFL, unix.O_DIRECT); err != nil {
		return "", fmt.Errorf("%s: the file system has no O_DIRECT: %w; name another directory by -dir", dir, err)
	}
	// O_DIRECT needs memory that is aligned.
	buf, err := unix.Mmap(-1, 0, fileBlock, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANONYMOUS|unix.MAP_PRIVATE)
	if err != nil {
		return "", err
	}
	defer func() { _ = unix.Munmap(buf) }()
	rng := rand.NewChaCha8([32]byte{1})
	for at := int64(0); at < size; at += fileBlock {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		block := buf[:min(fileBlock, size-at)]
		_, _ = io.ReadFull(rng, block) // it never fails
		if _, err := f.Write(block); err != nil {
			return "", err
		}
	}
	return f.Name(), f.Sync()
}
