// Package cold is a bare responder: the limit that a target is compared with. It answers READ, WRITE and the few commands that a
// benchmark begins with, from memory that does not fit the caches, and does no work that the bytes do not need: one thread, one
// io_uring, the initiator's requests in whatever pieces they arrive, all answers that are ready in one send.
//
// It has what the bytes need: headers with their numbers, digests, data copied in and out of the disk. It has no sessions, no
// command window, no task set, no queue, no device server, no errors: what it does not expect ends the connection. It has no R2T
// either, so a write is limited to FirstBurstLength. It sends read data in place, so a write to the same blocks may change data
// after its digest was computed.
package cold

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"golang.org/x/sys/unix"
)

// Pages of the disk's memory.
const (
	Huge  = "huge"
	Small = "small"
)

// Receive modes.
const (
	Multishot = "multi"
	Single    = "single"
)

// Options are the responder's flags.
type Options struct {
	Memory int64         // bytes of the disk
	Pages  string        // Huge, Small
	Poll   time.Duration // how long it polls before it sleeps
	Recv   string        // Multishot, Single
}

func (o *Options) flags(name string) *flag.FlagSet {
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	fs.Int64Var(&o.Memory, "memory", 256<<20, "size of the disk in bytes")
	fs.StringVar(&o.Pages, "pages", Huge, "pages of the disk's memory: huge or small")
	fs.DurationVar(&o.Poll, "poll", 0, "how long to poll before sleeping")
	fs.StringVar(&o.Recv, "recv", Multishot, "receives: multi or single")
	return fs
}

// Args returns the command line that Main reads o from.
func (o Options) Args() []string {
	return []string{fmt.Sprintf("-memory=%d", o.Memory), "-pages=" + o.Pages, "-poll=" + o.Poll.String(), "-recv=" + o.Recv}
}

func (o *Options) check() error {
	switch {
	case o.Memory < 1<<20 || o.Memory > maxMemory || o.Memory%(1<<20) != 0:
		return fmt.Errorf("-memory=%d: want whole MiB, at most %d", o.Memory, int64(maxMemory))
	case o.Pages != Huge && o.Pages != Small:
		return fmt.Errorf("-pages=%s: want %s or %s", o.Pages, Huge, Small)
	case o.Poll < 0 || o.Poll > maxPoll:
		return fmt.Errorf("-poll=%v: want at most %v", o.Poll, maxPoll)
	case o.Recv != Multishot && o.Recv != Single:
		return fmt.Errorf("-recv=%s: want %s or %s", o.Recv, Multishot, Single)
	}
	return nil
}

// Main is the responder's process: it serves the listening socket that it was given as its first extra file, and returns only with
// an error. It takes the process for itself: the garbage collector is off, and the thread is the only one that works.
func Main(args []string) error {
	var o Options
	fs := o.flags("cold")
	fs.SetOutput(io.Discard)
	if err := errors.Join(fs.Parse(args), o.check()); err != nil {
		return fmt.Errorf("cold: %w", err)
	}
	runtime.LockOSThread()
	debug.SetGCPercent(-1)
	disk, err := newDisk(o.Memory, o.Pages == Huge)
	if err != nil {
		return fmt.Errorf("cold: %w", err)
	}
	l, err := newLoop(o, disk)
	if err != nil {
		return fmt.Errorf("cold: %w", err)
	}
	fmt.Fprintf(os.Stderr, "cold: %d MiB of memory, %d MiB of it in huge pages; polls for %v; receives: %s\n",
		o.Memory>>20, hugeMemory()>>20, o.Poll, o.Recv)
	return fmt.Errorf("cold: %w", l.run())
}

// newDisk maps the disk and writes all of it: memory that was never written is one and the same page, and not cold.
func newDisk(size int64, huge bool) ([]byte, error) {
	mem, err := unix.Mmap(-1, 0, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return nil, fmt.Errorf("mmap of %d bytes: %w", size, err)
	}
	advice := unix.MADV_NOHUGEPAGE
	if huge {
		advice = unix.MADV_HUGEPAGE
	}
	if err := unix.Madvise(mem, advice); err != nil && huge {
		return nil, fmt.Errorf("no huge pages: %w", err)
	}
	for i := range mem {
		mem[i] = byte(i*31 + 7)
	}
	return mem, nil
}

// hugeMemory returns how many bytes of this process's memory are in huge pages, 0 if that is not known.
func hugeMemory() int64 {
	text, err := os.ReadFile("/proc/self/smaps_rollup")
	if err != nil {
		return 0
	}
	return anonHuge(text)
}
