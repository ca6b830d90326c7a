package engine

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"syscall"

	"github.com/ringtgt/ringtgt/internal/uring/simkernel"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/backend"
)

// The logical units: files on the simulated kernel's disks, and memory. A block's content tells which command wrote it last.

const (
	simBlockLen = 512
	simBlocks   = 128 // in each unit
	simUnits    = 3
	simMemory   = 2 // the unit that is in memory
)

// simUnit is a logical unit.
type simUnit struct {
	path string
	ino  uint64
	b    backend.Backend
}

// simFill returns the content that command id writes to block lba of unit lun; command 0 stands for the empty disk.
func simFill(b []byte, id uint32, lun uint64, lba int) {
	if id == 0 {
		clear(b)
		return
	}
	v := uint64(id)<<32 | lun<<24 | uint64(lba)<<8
	for i := 0; i+8 <= len(b); i += 8 {
		binary.BigEndian.PutUint64(b[i:], v+uint64(i))
	}
}

// simData returns the data that command id writes to blocks lba to lba+n-1.
func simData(id uint32, lun uint64, lba, n int) []byte {
	b := make([]byte, n*simBlockLen)
	for i := range n {
		simFill(b[i*simBlockLen:(i+1)*simBlockLen], id, lun, lba+i)
	}
	return b
}

func (w *simWorld) openUnits() {
	w.target = lun.NewTarget(lun.TargetConfig{Name: testTarget, Ports: []lun.Port{{TPGT: 1, RelPort: 1}}, Aborter: w.engine, Loops: len(w.engine.loops)})
	w.engine.SetDevices(w.target)
	in := "/dev/shm" // in memory, if there is one
	if _, err := os.Stat(in); err != nil {
		in = ""
	}
	dir, err := os.MkdirTemp(in, "ringtgt-sim")
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { os.RemoveAll(dir) })
	for i := range w.units {
		u := &simUnit{}
		spec := backend.Spec{Kind: backend.KindMemory, Size: simBlocks * simBlockLen, BlockSize: simBlockLen, Thin: true}
		if i != simMemory {
			u.path = filepath.Join(dir, fmt.Sprint("disk", i))
			f, err := os.Create(u.path)
			if err != nil {
				w.Fatal(err)
			}
			f.Truncate(simBlocks * simBlockLen)
			st, err := f.Stat()
			if err != nil {
				w.Fatal(err)
			}
			u.ino = st.Sys().(*syscall.Stat_t).Ino
			f.Close()
			spec.Kind, spec.Path, spec.Size, spec.Direct = backend.KindFile, u.path, 0, backend.DirectOff
			if i == 1 {
				spec.Direct = backend.DirectAuto
			}
		}
		if u.b, err = backend.Open(spec); err != nil {
			w.Fatal(err)
		}
		var b lun.Backend = &simBackend{w, u, u.b}
		if m, ok := u.b.(lun.Mapped); ok {
			b = &simMapped{simBackend{w, u, u.b}, m}
		}
		if _, err := w.target.AddUnit(i, lun.UnitConfig{Backend: b, ID: fmt.Sprint("unit", i), Thin: u.b.Geometry().Thin}); err != nil {
			w.Fatal(err)
		}
		w.units[i] = u
	}
}

func (w *simWorld) closeUnits() {
	for _, u := range w.units {
		u.b.Close()
	}
}

// holes returns how often the kernel was asked to punch a hole in a unit's file.
func (w *simWorld) holes(u *simUnit) int {
	if f := w.k.File(u.ino); f != nil {
		return f.Holes
	}
	return 0
}

// simBackend shows the oracle every request that a backend gets.
type simBackend struct {
	w *simWorld
	u *simUnit
	lun.Backend
}

func (b *simBackend) Submit(l lun.Loop, r *lun.Request) {
	// The device server's view of a task counts as a task.
	if d := reflect.ValueOf(r.Done); d.Type().String() == "*lun.taskIO" {
		b.w.executed((*lun.Task)(d.UnsafePointer()).Owner.(*task), r)
	}
	b.Backend.Submit(l, r)
}

type simMapped struct {
	simBackend
	lun.Mapped
}

// wrote is called when a write takes effect.
func (w *simWorld) wrote(f *simkernel.File, off int64, b []byte) {
	for i := 0; i+simBlockLen <= len(b); i += simBlockLen {
		id := binary.BigEndian.Uint32(b[i:])
		cmd := w.cmds[id]
		if id == 0 {
			continue // a range that is unmapped
		}
		if cmd == nil || cmd.kind != simWrite {
			w.Fatalf("block %d is written with data that no command has sent: %x", (off+int64(i))/simBlockLen, b[i:i+16])
		}
		lba := int(off+int64(i))/simBlockLen - cmd.lba
		want := simData(id, cmd.lun, cmd.lba+lba, 1)
		if lba < 0 || lba >= cmd.n || string(want) != string(b[i:i+simBlockLen]) {
			w.Fatalf("%v: block %d of it is written as %x", cmd, lba, b[i:i+16])
		}
		switch t := cmd.executed; {
		case t == nil:
			w.Fatalf("%v takes effect, and was never executed", cmd)
		case cmd.task.use == cmd.use && cmd.task.phase == taskOrphaned:
			w.stats["late effect"]++ // the unit's gate guards its blocks until then
		case cmd.dead || t.ended:
			w.Fatalf("%v takes effect after its end was reported", cmd)
		case cmd.answered:
			w.Fatalf("%v takes effect after it was answered", cmd)
		}
		if cmd.wrote == nil {
			cmd.wrote = make([]bool, cmd.n)
		}
		cmd.wrote[lba] = true
	}
}

// content returns the number of the command that wrote a block.
func (w *simWorld) content(unit, lba int) uint32 {
	f, err := os.Open(w.units[unit].path)
	if err != nil {
		w.Fatal(err)
	}
	defer f.Close()
	var b [4]byte
	if _, err := f.ReadAt(b[:], int64(lba*simBlockLen)); err != nil {
		w.Fatal(err)
	}
	return binary.BigEndian.Uint32(b[:])
}
