package state

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"
	"golang.org/x/sys/unix"
)

// Peek reads the disks of the state in dir and changes nothing: a daemon may have it open. Without a state there are no disks.
func Peek(dir string) (*Disks, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, databaseFile)
	text, err := steady(path)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
		return newDisks(dir), nil
	}
	if err != nil {
		return nil, err
	}
	var disks *Disks
	db, err := openCopy(text)
	if err == nil {
		err = db.View(func(tx *bbolt.Tx) (err error) {
			disks, _, err = load(dir, tx)
			return err
		})
		err = errors.Join(err, db.Close())
	}
	if err != nil {
		return nil, unusable(path, err)
	}
	return disks, nil
}

// steady returns a consistent copy of a file that may be written meanwhile.
func steady(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var before []byte
	for range peekTries {
		text, err := io.ReadAll(io.NewSectionReader(f, 0, maxDatabase))
		if err != nil {
			return nil, err
		}
		if before != nil && bytes.Equal(before, text) {
			return text, nil
		}
		before = text
	}
	return nil, errors.New("it changes all the time")
}

// openCopy opens a copy of the database in memory: the daemon has locked the file.
func openCopy(text []byte) (db *bbolt.DB, err error) {
	defer func() {
		if r := recover(); r != nil {
			db, err = nil, fmt.Errorf("it is damaged: %v", r)
		}
	}()
	return bbolt.Open(databaseFile, 0, &bbolt.Options{ReadOnly: true, OpenFile: func(name string, _ int, _ os.FileMode) (*os.File, error) {
		fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
		if err != nil {
			return nil, err
		}
		f := os.NewFile(uintptr(fd), name)
		if _, err := f.Write(text); err != nil {
			f.Close()
			return nil, err
		}
		return f, nil
	}})
}
