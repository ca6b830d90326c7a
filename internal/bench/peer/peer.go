// Package peer starts iSCSI targets to compare: ringtgt, and a tuned tgt (Debian package tgt). Each has its own portal, control
// socket and LUN, and can be pinned to given CPUs. However the benchmark ends, a target dies with the process that started it, and
// memory LUNs have no name in any file system. Only the state directory of a file's target outlives a benchmark that is killed.
package peer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"

	"github.com/ringtgt/ringtgt/bench/initiator"
	"github.com/ringtgt/ringtgt/internal/harness"
	"github.com/ringtgt/ringtgt/internal/process"
)

// The targets that Start knows.
const (
	Ringtgt = "ringtgt"
	Tgt     = "tgt"
	SPDK    = "spdk"
	LIO     = "lio"
)

// Names lists the targets that Start can start where they are installed.
func Names() []string { return []string{Ringtgt, Tgt} }

// ErrMissing: the target's program is not on this machine. The error says what would be needed.
var ErrMissing = errors.New("not on this machine")

// LUN is what a target serves: one of the two.
type LUN struct {
	Memory int64  // bytes, a multiple of 512
	File   string // a file that is there, opened with O_DIRECT
}

// Options describe a target.
type Options struct {
	LUN LUN
	// CPUs is where all threads of the target run from its first instruction on; empty: where they like. Our own target has a loop
	// on each.
	CPUs []int
	// Binary is the path of ringtgt, "" being this process's program, or of SPDK's iscsi_tgt.
	Binary string
	// Args are further arguments of `ringtgt serve`, of tgtd or of iscsi_tgt.
	Args []string
}

// Target is a target that runs.
type Target struct {
	Name     string // as given to Start
	URL      string // of its only LUN: iscsi://HOST:PORT/IQN/LUN
	PID      int
	Software string // "tgtd 1.0.85", "ringtgt 1.2.0 go1.26.0 linux/amd64"
	// Portal, IQN and Unit are what URL is made of: HOST:PORT, the target's name, the logical unit number.
	Portal, IQN string
	Unit        int

	child *process.Child
	ours  *harness.Daemon // nil: another program, which SIGTERM does not end
	dir   string          // "": none
	// control is the socket of SPDK's JSON-RPC, "": another target.
	control string
	once    sync.Once
	err     error
}

// Start starts a target: Ringtgt, Tgt or, where Binary names it, SPDK. ctx bounds the start alone. Errors wrap ErrMissing where the
// target is not installed or cannot be started by this package; others carry the end of the target's log.
func Start(ctx context.Context, name string, o Options) (*Target, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	switch name {
	case Ringtgt:
		return startRingtgt(ctx, o)
	case Tgt:
		return startTgt(ctx, o)
	case SPDK:
		return startSPDK(ctx, o)
	case LIO:
		return nil, fmt.Errorf("peer: LIO is %w or not to be touched: it is the kernel's (modules target_core_mod, iscsi_target_mod; package targetcli-fb), its "+
			"processor time belongs to no process, and its configuration to the whole machine; set it up by hand and give its iscsi:// URL", ErrMissing)
	}
	return nil, fmt.Errorf("peer: no target %q is known; there are %v", name, Names())
}

func (o *Options) check() error {
	switch {
	case (o.LUN.File == "") == (o.LUN.Memory == 0):
		return errors.New("peer: a LUN is either in memory or a file")
	case o.LUN.Memory < 0 || o.LUN.Memory%512 != 0 || o.LUN.Memory > maxMemory:
		return fmt.Errorf("peer: %d bytes of memory are not blocks of 512 bytes, up to %d", o.LUN.Memory, int64(maxMemory))
	}
	return nil
}

// Log returns the end of what the target wrote.
func (t *Target) Log() string { return t.child.Log() }

// Alive returns an error with the end of the log once the target is gone.
func (t *Target) Alive() error {
	if err := t.child.Alive(); err != nil {
		return fmt.Errorf("peer: %w", err)
	}
	return nil
}

// RSS returns the resident memory of our own target, in bytes.
func (t *Target) RSS() (int64, error) {
	if t.ours == nil {
		return 0, fmt.Errorf("peer: %s is not ringtgt", t.Name)
	}
	return t.ours.RSS()
}

// Stop ends the target and removes its state. It may be called more than once.
func (t *Target) Stop() error {
	t.once.Do(func() {
		t.err = t.end()
		if t.dir != "" {
			_ = os.RemoveAll(t.dir)
		}
	})
	return t.err
}

// end ends the process. One that does not end within drainTimeout is killed: a session that was cut off in the middle of a
// benchmark may keep it, and nothing that it holds is worth waiting for. If it had ended before, or ends badly, that is an error.
func (t *Target) end() error {
	if t.ours == nil {
		return t.child.Kill()
	}
	gone := t.Alive()
	err := t.ours.Terminate(drainTimeout)
	if errors.Is(err, process.ErrStubborn) {
		err = nil
	}
	return errors.Join(gone, err)
}

func (t *Target) setURL() {
	t.URL = "iscsi://" + t.Portal + "/" + t.IQN + "/" + strconv.Itoa(t.Unit)
}

func self(binary string) (string, error) {
	if binary != "" {
		return binary, nil
	}
	return os.Executable()
}

// Session returns the configuration of session i to the target, for package initiator.
func (t *Target) Session(i int) initiator.Config {
	return initiator.Config{
		Portals: []string{t.Portal}, TargetName: t.IQN, InitiatorName: "iqn.2026-11.io.ringtgt:bench",
		ISID: [6]byte{0x80, 0, 0, 7, byte(i >> 8), byte(i)}, // random format (RFC 7143, 11.12.5)
	}
}
