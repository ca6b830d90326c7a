package backend_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/ringtgt/ringtgt/internal/faulttest"
	"github.com/ringtgt/ringtgt/internal/loopdev"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/backend"
	"github.com/ringtgt/ringtgt/lun/backend/conformance"
)

// open opens s for the suite.
func open(t *testing.T, s backend.Spec, w conformance.Want) backend.Backend {
	t.Helper()
	s.BlockSize, s.Thin, s.ReadOnly = w.BlockSize, w.Thin, w.ReadOnly
	return must.Get(backend.Open(s))(t)
}

func simple(kind backend.Kind) func(*testing.T, conformance.Want) (lun.Backend, string) {
	return func(t *testing.T, w conformance.Want) (lun.Backend, string) {
		return open(t, backend.Spec{Kind: kind, Size: w.Bytes}, w), ""
	}
}

func TestMemoryConforms(t *testing.T) {
	conformance.Suite{Open: simple(backend.KindMemory)}.Run(t)
}

func TestNullConforms(t *testing.T) {
	conformance.Suite{Open: simple(backend.KindNull), Forgets: true, Extents: conformance.Never}.Run(t)
}

// file is a suite over files in folders that dir makes.
func file(direct backend.Direct, dir func(t *testing.T) (string, string)) conformance.Suite {
	paths := map[lun.Backend]string{}
	return conformance.Suite{
		Extents: conformance.Coarse,
		Queued:  true,
		Ragged:  direct == backend.DirectOff,
		Open: func(t *testing.T, w conformance.Want) (lun.Backend, string) {
			folder, skip := dir(t)
			if folder == "" {
				return nil, skip
			}
			path := filepath.Join(folder, "disk")
			// Made here and not by Open, which syncs what it makes.
			must.OK(t, os.WriteFile(path, nil, 0o600))
			must.OK(t, os.Truncate(path, w.Bytes))
			b := open(t, backend.Spec{Kind: backend.KindFile, Path: path, Direct: direct}, w)
			paths[b] = path
			return b, ""
		},
		Survives: func(t *testing.T, w conformance.Want, old lun.Backend) lun.Backend {
			return open(t, backend.Spec{Kind: backend.KindFile, Path: paths[old], Direct: direct}, w)
		},
	}
}

func tempDir(t *testing.T) (string, string) { return t.TempDir(), "" }

func TestBufferedFileConforms(t *testing.T) { file(backend.DirectOff, tempDir).Run(t) }

func TestDirectFileConforms(t *testing.T) { file(backend.DirectOn, directDir).Run(t) }

// orSkip returns the path that directDir or loopDevice found, or skips the test and says why there is none.
func orSkip(path, skip string) func(t *testing.T) string {
	return func(t *testing.T) string {
		t.Helper()
		if path == "" {
			t.Skip(skip)
		}
		return path
	}
}

// directDir is a folder on a filesystem with O_DIRECT for blocks of 512 bytes.
func directDir(t *testing.T) (string, string) {
	for _, base := range []string{t.TempDir(), ".", "/var/tmp"} {
		dir, err := os.MkdirTemp(base, "ringtgt-test-")
		if err != nil {
			continue
		}
		t.Cleanup(func() { os.RemoveAll(dir) })
		b, err := backend.Open(backend.Spec{Kind: backend.KindFile, Path: filepath.Join(dir, "probe"), Size: 8192, Direct: backend.DirectOn})
		if err == nil {
			b.Close()
			return dir, ""
		}
	}
	return "", "neither the temporary folder, nor this one, nor /var/tmp has direct I/O for blocks of 512 bytes"
}

// TestTmpfsFileConforms: a filesystem without ZERO_RANGE.
func TestTmpfsFileConforms(t *testing.T) {
	file(backend.DirectAuto, func(t *testing.T) (string, string) {
		dir, err := os.MkdirTemp("/dev/shm", "ringtgt-test-")
		if err != nil {
			return "", "no tmpfs at /dev/shm: " + err.Error()
		}
		t.Cleanup(func() { os.RemoveAll(dir) })
		return dir, ""
	}).Run(t)
}

// loopDevice makes a block device of size bytes with logical blocks of bs bytes out of a sparse file.
func loopDevice(t *testing.T, size int64, bs uint32) (path, skip string) {
	t.Helper()
	image := filepath.Join(t.TempDir(), "image")
	must.OK(t, os.WriteFile(image, nil, 0o600))
	must.OK(t, os.Truncate(image, size))
	size512 := map[uint32]string{512: "512", 4096: "4096"}[bs]
	d, err := loopdev.Attach(t, image, "--sector-size", size512)
	if err != nil {
		return "", err.Error()
	}
	return d.Path, ""
}

func TestBlockDeviceConforms(t *testing.T) {
	for _, direct := range []backend.Direct{backend.DirectOn, backend.DirectOff} {
		t.Run("direct="+string(direct), func(t *testing.T) {
			paths := map[lun.Backend]string{}
			conformance.Suite{
				Extents: conformance.Nothing,
				Queued:  true,
				Open: func(t *testing.T, w conformance.Want) (lun.Backend, string) {
					path, skip := loopDevice(t, w.Bytes, w.BlockSize)
					if path == "" {
						return nil, skip
					}
					b := open(t, backend.Spec{Kind: backend.KindBlock, Path: path, Direct: direct}, w)
					paths[b] = path
					return b, ""
				},
				Survives: func(t *testing.T, w conformance.Want, old lun.Backend) lun.Backend {
					return open(t, backend.Spec{Kind: backend.KindBlock, Path: paths[old], Direct: direct}, w)
				},
			}.Run(t)
		})
	}
}

// TestFaultConforms: a Fault that lets everything pass is as the backend behind it.
func TestFaultConforms(t *testing.T) {
	t.Run("mem", func(t *testing.T) {
		conformance.Suite{Open: func(t *testing.T, w conformance.Want) (lun.Backend, string) {
			b, _ := simple(backend.KindMemory)(t, w)
			return faulttest.New(b), ""
		}}.Run(t)
	})
	t.Run("delays", func(t *testing.T) {
		conformance.Suite{Open: func(t *testing.T, w conformance.Want) (lun.Backend, string) {
			b, _ := simple(backend.KindMemory)(t, w)
			f := faulttest.New(b)
			f.Chance(1, faulttest.Chances{Delay: 500_000, MaxDelay: 5000})
			return f, ""
		}}.Run(t)
	})
	t.Run("file", func(t *testing.T) {
		s := file(backend.DirectAuto, tempDir)
		s.Survives = nil
		inner := s.Open
		s.Open = func(t *testing.T, w conformance.Want) (lun.Backend, string) {
			b, skip := inner(t, w)
			return faulttest.New(b), skip
		}
		s.Run(t)
	})
}
