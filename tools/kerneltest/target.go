package kerneltest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"github.com/ringtgt/ringtgt/internal/process"
)

// lunSpec is a LUN that a target serves from a file.
type lunSpec struct {
	number    int
	path      string
	size      int64 // bytes
	blockSize int   // bytes: 512 or 4096
	readOnly  bool
	thin      bool
}

// account is a CHAP name and secret.
type account struct{ user, secret string }

// targetSpec is one target of the daemon. incoming is what the initiator must prove, outgoing what the target proves;
// initiators are the names that may log in, all if there is none.
type targetSpec struct {
	iqn                string
	luns               []lunSpec
	incoming, outgoing *account
	initiators         []string
}

// targetConfig is the daemon that the cases run against. Every kind of target is configured from this one description.
// InitialR2T must be negotiable to No and ImmediateData to Yes: the cases choose through the initiator.
type targetConfig struct {
	listen  string // HOST:PORT
	dir     string // for the daemon's own files; it is the same after a restart
	targets []targetSpec
}

// lun finds a LUN of the configuration.
func (c targetConfig) lun(iqn string, number int) (lunSpec, error) {
	for _, t := range c.targets {
		for _, l := range t.luns {
			if t.iqn == iqn && l.number == number {
				return l, nil
			}
		}
	}
	return lunSpec{}, fmt.Errorf("no LUN %d at %s", number, iqn)
}

// targetKind is how to run one kind of target: what to execute, and what to do once it listens.
type targetKind struct {
	command     func(ctx context.Context, config targetConfig) (*exec.Cmd, error)
	setUp       func(ctx context.Context, config targetConfig) error // nil: the command configures itself
	firstLUN    int
	ignoresTerm bool              // SIGTERM does not end it: it is killed
	omits       map[string]string // cases that this kind cannot pass, with the reason
}

// target is a running daemon that can be killed and restarted with the state that it left.
type target struct {
	kind   targetKind
	config targetConfig
	log    io.Writer
	child  *process.Child
}

// start runs the daemon and waits until it accepts connections.
func (t *target) start(ctx context.Context) error {
	cmd, err := t.kind.command(ctx, t.config)
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr = t.log, t.log
	if t.child, err = process.Start(cmd); err != nil {
		return err
	}
	if err := t.waitListening(ctx); err != nil {
		_ = t.child.Kill()
		return err
	}
	if t.kind.setUp == nil {
		return nil
	}
	return t.kind.setUp(ctx, t.config)
}

// waitListening returns when the daemon accepts a connection.
func (t *target) waitListening(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, targetLimit)
	defer cancel()
	return t.child.AwaitPortal(ctx, t.config.listen)
}

// targetKinds are the values of RINGTGT_KERNEL_TARGET. tgt is there for comparison: a case that both fail is suspect.
var targetKinds = map[string]targetKind{
	"ringtgt": ringtgtKind,
	"tgt":     tgtKind,
}

// Names and secrets of the cases. Secrets are longer than the 12 bytes that RFC 7143 section 9.2.1 asks for as a minimum.
const (
	iqnPlain  = "iqn.2026-11.io.ringtgt:plain"
	iqnChap   = "iqn.2026-11.io.ringtgt:chap"
	iqnMutual = "iqn.2026-11.io.ringtgt:mutual"
	iqnSmall  = "iqn.2026-11.io.ringtgt:small"
	iqnClosed = "iqn.2026-11.io.ringtgt:closed"
	iqnLive   = "iqn.2026-11.io.ringtgt:live"
	iqnFriend = "iqn.2026-11.io.ringtgt:friend" // an initiator; the guest's usual name is another
)

var (
	initiatorAccount = account{"initiator-name", "initiator secret 1"}
	targetAccount    = account{"target-name", "target secret 22"}
)

// newTargetConfig lays out the targets of the kernel tests, with LUN numbers from first up and their files in dir.
func newTargetConfig(dir string, first int) (targetConfig, error) {
	listen, err := process.FreePort()
	if err != nil {
		return targetConfig{}, err
	}
	lun := func(number int, name string, mib int64) lunSpec {
		return lunSpec{number: number, path: filepath.Join(dir, name), size: mib << 20, blockSize: 512}
	}
	data, second, readOnly, big := lun(first, "data", 256), lun(first+1, "second", 64), lun(first+2, "readonly", 8), lun(first+3, "4k", 64)
	data.thin, readOnly.readOnly, big.blockSize = true, true, 4096
	config := targetConfig{
		listen: listen,
		dir:    dir,
		targets: []targetSpec{
			{iqn: iqnPlain, luns: []lunSpec{data, second, readOnly, big}},
			{iqn: iqnSmall, luns: []lunSpec{lun(first, "small", 32)}},
			{iqn: iqnChap, luns: []lunSpec{lun(first, "chap", 32)}, incoming: &initiatorAccount},
			{iqn: iqnMutual, luns: []lunSpec{lun(first, "mutual", 32)}, incoming: &initiatorAccount, outgoing: &targetAccount},
			{iqn: iqnLive, luns: []lunSpec{lun(first, "live", 32)}},
			{iqn: iqnClosed, luns: []lunSpec{lun(first, "closed", 32)}, initiators: []string{iqnFriend}},
		},
	}
	return config, config.makeFiles()
}

// makeFiles makes the LUNs' files: sparse, except that a read-only one is full of text.
func (c targetConfig) makeFiles() error {
	for _, t := range c.targets {
		for _, l := range t.luns {
			file, err := os.Create(l.path)
			if err != nil {
				return err
			}
			if l.readOnly {
				for at := int64(0); at < l.size && err == nil; at += 16 {
					_, err = fmt.Fprintf(file, "%15d\n", at)
				}
			}
			if err == nil {
				err = file.Truncate(l.size)
			}
			if closed := file.Close(); err == nil {
				err = closed
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// hashLUN is the SHA-256 of length bytes at offset in a LUN's file, as the host sees it.
func hashLUN(l lunSpec, offset, length int64) (string, error) {
	file, err := os.Open(l.path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	hash := sha256.New()
	if n, err := io.Copy(hash, io.NewSectionReader(file, offset, length)); err != nil || n != length {
		return "", fmt.Errorf("read %d of %d bytes at %d of %s: %v", n, length, offset, l.path, err)
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// guestEnv is the part of the configuration that the cases get.
func guestEnv(c targetConfig, first int) (map[string]string, error) {
	_, port, err := net.SplitHostPort(c.listen)
	if err != nil {
		return nil, err
	}
	readOnly, err := c.lun(iqnPlain, first+2)
	if err != nil {
		return nil, err
	}
	sum, err := hashLUN(readOnly, 0, readOnly.size)
	if err != nil {
		return nil, err
	}
	env := map[string]string{
		"PORTAL": "10.0.2.2:" + port,
		"PLAIN":  iqnPlain, "SMALL": iqnSmall, "CHAP": iqnChap, "MUTUAL": iqnMutual,
		"CLOSED": iqnClosed, "FRIEND": iqnFriend, "LIVE": iqnLive, "LUN_LIVE": strconv.Itoa(first),
		"INITIATOR_USER": initiatorAccount.user, "INITIATOR_SECRET": initiatorAccount.secret,
		"TARGET_USER": targetAccount.user, "TARGET_SECRET": targetAccount.secret,
		"RO_SHA256": sum,
	}
	for i, name := range []string{"DATA", "SECOND", "RO", "BIG"} {
		l, err := c.lun(iqnPlain, first+i)
		if err != nil {
			return nil, err
		}
		env["LUN_"+name] = strconv.Itoa(l.number)
		env["SIZE_"+name] = strconv.FormatInt(l.size, 10)
	}
	return env, nil
}
