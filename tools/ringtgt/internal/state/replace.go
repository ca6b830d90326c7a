package state

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// OwnedFile is the name of the file in the state directory that has the configuration made by commands.
const OwnedFile = "owned.toml"

// SecretsDir is the name of the directory there that has the CHAP secrets that commands brought.
const SecretsDir = "secrets"

// fresh is appended to the name of a file that is being written.
const fresh = ".new"

// Restore puts the text back that a failed Replace may have replaced. If the file has it still, nothing is written.
func Restore(path string, text []byte) error {
	if now, err := os.ReadFile(path); err == nil && bytes.Equal(now, text) || errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return Replace(path, text)
}

// Replace replaces the file at path durably and whole: at any moment, and after a crash, it has the old text or the new one. After
// an error it has the old one, unless the directory could not be synced.
func Replace(path string, text []byte) error {
	name := path + fresh
	f, err := openOwn(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = unix.Rename(name, path)
	}
	if err != nil {
		os.Remove(name)
		return err
	}
	return syncDir(filepath.Dir(path))
}
