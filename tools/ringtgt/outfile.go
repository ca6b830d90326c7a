package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
)

// outFile is an output file for results. It is opened before the run, so that a missing directory does not cost an hour's
// measurements. Its old content is replaced only by a result.
type outFile[T any] struct {
	flag, path string // the flag with a space; no path: no file
	write      func(io.Writer, T) error

	f     *os.File
	fresh bool // created by openFiles
	done  bool
}

type outFiles[T any] []*outFile[T]

// openFiles opens those that have a path.
func openFiles[T any](want []outFile[T]) (files outFiles[T], err error) {
	for i := range want {
		b := &want[i]
		if b.path == "" {
			continue
		}
		b.flag += b.path
		_, gone := os.Lstat(b.path)
		if b.f, err = os.OpenFile(b.path, os.O_WRONLY|os.O_CREATE, 0o644); err != nil {
			files.close()
			return nil, fmt.Errorf("%s: %w", b.flag, err)
		}
		b.fresh = errors.Is(gone, os.ErrNotExist)
		files = append(files, b)
	}
	return files, nil
}

// save writes a result to every file.
func (files outFiles[T]) save(result T) error {
	var errs []error
	for _, b := range files {
		w := bufio.NewWriter(b.f)
		err := errors.Join(b.f.Truncate(0), b.write(w, result), w.Flush())
		if b.done = err == nil; err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", b.flag, err))
		}
	}
	return errors.Join(errs...)
}

// close closes the files, and removes new ones that are still empty.
func (files outFiles[T]) close() {
	for _, b := range files {
		_ = b.f.Close()
		if b.fresh && !b.done {
			_ = os.Remove(b.f.Name())
		}
	}
}
