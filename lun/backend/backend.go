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
	Size      int64  // bytes. mem, null: must be given. file: creates or extends it; 0 takes it as it is. block: 0
	BlockSize uint32 // 512 or 4096; 0: 512, but block takes the device's
	ReadOnly  bool
	Thin      bool   // discards give space back
	Direct    Direct // "": auto
	// Is identifies the medium at Path: Open refuses any other one, and creates no file. Zero: any medium.
	Is medium.Fingerprint
	// Lost is called when the medium is found to have lost blocks, from any goroutine including a loop: it must not block.
	// Inspect has the details. May be nil.
	Lost func()
}

// Backend is what Open returns: a lun.Backend with methods for the daemon.
type Backend interface {
	lun.Backend
	// Notes are sentences for the operator: which requested properties the medium does not have, and why.
	Notes() []string
	// Refresh checks whether the size has changed, for example because the file was extended; Geometry has the new one then,
	// and the unit's Refresh tells the initiators. It may block.
	Refresh() (changed bool, err error)
	// Look reads the rest of Geometry that may change again: whether the medium can be written, its write cache, and whether it
	// rotates. It may block.
	Look() (changed bool)
	// Inspect checks whether the open medium is still the one at its path and has all its blocks. It may block for as long as
	// the filesystem does.
	Inspect() Condition
	// Sync flushes everything that was written to the medium. It blocks: it is for shutdown, when no loop runs.
	Sync() error
}

// Located is a Backend whose medium is somewhere on this machine: a file or a block device.
type Located interface {
	Backend
	// Medium reads the fingerprint of the open medium. It may block.
	Medium() (medium.Fingerprint, error)
}

// Errors of Open that a caller may want to distinguish.
var (
	// ErrInUse: another process has the medium, or this one has it already. It may be a killed
	// process that the kernel is still tearing down.
	ErrInUse = errors.New("is in use")
	// ErrAnother: the medium is not the one of Spec.Is.
	ErrAnother = errors.New("is another one")
)

// Open opens what s describes.
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

// String is the short form that people write: mem:1073741824, file:/path.
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

// inside reports whether r lies within size bytes. The device server has checked the LBA already; this is for a medium that
// has shrunk since.
func inside(r *lun.Request, size int64) bool {
	return r.Off >= 0 && r.Len >= 0 && r.Len <= size && r.Off <= size-r.Len
}
