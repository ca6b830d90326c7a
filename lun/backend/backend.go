// Package backend stores the blocks of logical units: in memory, nowhere, in a file or on a block device.
//
// The data path of each (Submit, and everything that it starts for reads, writes and syncs) takes no lock and allocates
// nothing. Overlapping requests in flight race as they do on a disk: for each block, one of them is last.
package backend

import (
	"errors"
	"fmt"

	"github.com/ringtgt/ringtgt/internal/medium"
	"github.com/ringtgt/ringtgt/lun"
)

// Kind is the kind of backend.
type Kind string

const (
	KindMemory Kind = "mem"
	KindNull   Kind = "null"
	KindFile   Kind = "file"
	KindBlock  Kind = "block"
)

// Direct chooses whether a file or block device is opened with O_DIRECT.
type Direct string

const (
	DirectAuto Direct = "auto" // where it works; otherwise Notes says why not
	DirectOn   Direct = "on"   // Open fails where it does not work
	DirectOff  Direct = "off"  // through the page cache
)

// Spec describes what to open.
type Spec struct {
	Kind      Kind
	Path      string // file, block
	Size      int64  // bytes. Required for mem and null. A file is created or extended to it; 0 keeps its size. 0 for block
	BlockSize uint32 // 512 or 4096; 0 means 512, or the device's for block
	ReadOnly  bool
	Thin      bool   // discards release space
	Direct    Direct // "": auto
	// Is identifies the medium at Path: Open refuses any other one, and creates no file. The zero value accepts any medium.
	Is medium.Fingerprint
	// Lost, unless nil, is called when the medium is found to have lost blocks. It may be called on any goroutine, including a
	// loop's, so it must not block. Inspect has the details.
	Lost func()
}

// Backend is a lun.Backend with methods for the daemon.
type Backend interface {
	lun.Backend
	// Notes are sentences for the operator: which requested properties the medium does not have, and why.
	Notes() []string
	// Refresh checks whether the size has changed, for example because the file was extended. If so, Geometry has the new size;
	// call the unit's Refresh to report it to initiators. It may block.
	Refresh() (changed bool, err error)
	// Look reads again the other parts of Geometry that may change: whether the medium can be written, its write cache, and
	// whether it rotates. It may block.
	Look() (changed bool)
	// Inspect checks whether the open medium is still the one at its path and has all its blocks. It may block for as long as
	// the filesystem does.
	Inspect() Condition
	// Sync flushes everything that was written to the medium. It blocks: it is for shutdown, when no loop runs.
	Sync() error
}

// Located is a Backend whose medium has a path on this machine: a file or a block device.
type Located interface {
	Backend
	// Medium reads the fingerprint of the open medium. It may block.
	Medium() (medium.Fingerprint, error)
}

// Growable is a Backend whose medium the daemon itself can extend: a file.
type Growable interface {
	Backend
	// Grow durably extends the medium to n bytes. It does nothing to a medium that has as many already. Refresh then finds the new
	// size. It may block.
	Grow(n int64) error
}

// Errors of Open that a caller may want to distinguish.
var (
	// ErrInUse means that another process uses the medium, or that this one does already. The process may have been killed and
	// not be gone yet.
	ErrInUse = errors.New("is in use")
	// ErrAnother means that the medium is not the one that Spec.Is identifies.
	ErrAnother = errors.New("is another one")
)

// Open opens the medium that s describes.
func Open(s Spec) (Backend, error) {
	if s.Kind != KindBlock && s.BlockSize == 0 {
		s.BlockSize = 512
	}
	if s.Direct == "" {
		s.Direct = DirectAuto
	}
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", s, err)
	}
	var b Backend
	var err error
	switch s.Kind {
	case KindMemory:
		b, err = NewMemory(s)
	case KindNull:
		b, err = NewNull(s)
	case KindFile:
		b, err = OpenFile(s)
	case KindBlock:
		b, err = OpenBlock(s)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s, err)
	}
	return b, nil
}

// String returns the short form used on the command line: mem:1073741824, file:/path.
func (s Spec) String() string {
	if s.Path != "" {
		return string(s.Kind) + ":" + s.Path
	}
	return fmt.Sprintf("%s:%d", s.Kind, s.Size)
}

func (s Spec) check() error {
	switch s.Kind {
	case KindMemory, KindNull:
		switch {
		case s.Path != "":
			return errors.New("has no path")
		case s.Size <= 0:
			return errors.New("needs a size")
		}
	case KindFile:
		if s.Path == "" {
			return errors.New("needs a path")
		}
	case KindBlock:
		switch {
		case s.Path == "":
			return errors.New("needs a path")
		case s.Size != 0:
			return errors.New("a block device has the size it has")
		}
	default:
		return fmt.Errorf("there is no backend %q", string(s.Kind))
	}
	if s.BlockSize != 0 && s.BlockSize != 512 && s.BlockSize != 4096 {
		return fmt.Errorf("block size %d is neither 512 nor 4096", s.BlockSize)
	}
	if s.Size < 0 || s.Size > maxSize {
		return fmt.Errorf("size %d is not between 0 and %d", s.Size, int64(maxSize))
	}
	if s.BlockSize != 0 && s.Size%int64(s.BlockSize) != 0 {
		return fmt.Errorf("size %d is no multiple of the block size %d", s.Size, s.BlockSize)
	}
	if s.Direct != DirectAuto && s.Direct != DirectOn && s.Direct != DirectOff {
		return fmt.Errorf("direct=%q is neither auto, on nor off", string(s.Direct))
	}
	return nil
}

// inside reports whether r lies within size bytes. The device server has already checked the LBA; this catches a medium that
// has shrunk since.
func inside(r *lun.Request, size int64) bool {
	return r.Off >= 0 && r.Len >= 0 && r.Len <= size && r.Off <= size-r.Len
}
