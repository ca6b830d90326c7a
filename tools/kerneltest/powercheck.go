package kerneltest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"time"

	"go.etcd.io/bbolt"

	"github.com/ringtgt/ringtgt/tools/kerneltest/power"
)

// powerFault is a fault found after a cut.
type powerFault struct {
	cut  int
	what string
}

// checkDisk builds one disk's image after each cut and judges it. Equal images are judged once.
func checkDisk(ctx context.Context, dir string, i int, log *power.Log, cuts []power.Cut, oracle *power.Oracle) (faults []powerFault, made int, err error) {
	disk := power.Disks[i]
	order := make([]int, len(cuts))
	for k := range order {
		order[k] = k
	}
	slices.SortStableFunc(order, func(a, b int) int { return cuts[a].Disks[i].Prefix - cuts[b].Disks[i].Prefix })
	replayer := power.NewReplayer(log, power.DiskSize)
	image := make([]byte, power.DiskSize)
	var now power.Left
	var found diskFound
	for k, cut := range order {
		left := cuts[cut].Disks[i]
		if k == 0 || log.Changed(now, left) {
			if err := replayer.Image(left, image); err != nil {
				return nil, made, err
			}
			if found, err = lookAt(ctx, dir, disk, image); err != nil {
				return nil, made, err
			}
			made++
		}
		now = left
		for _, what := range found.judge(disk, cuts[cut].Event, oracle) {
			faults = append(faults, powerFault{cut, disk.Name + ": " + what})
		}
	}
	return faults, made, nil
}

// diskFound is the content of a disk after a cut.
type diskFound struct {
	damage string // to the file system or the database; "": none
	blocks []byte // the unit's; nil: no unit
	state  *stateFound
}

// stateFound is the content of a state.db.
type stateFound struct {
	ids    []string
	values map[string][]byte
}

func (f *diskFound) judge(disk power.Disk, event int, oracle *power.Oracle) []string {
	if f.damage != "" {
		return []string{f.damage}
	}
	if disk.LUN >= 0 {
		if s := oracle.Unit(disk.LUN, event, f.blocks); s != "" {
			return []string{s}
		}
		return nil
	}
	var wrong []string
	for lun := range power.LUNs {
		wrong = append(wrong, f.state.judge(lun, event, oracle)...)
	}
	return wrong
}

func (s *stateFound) judge(lun, event int, oracle *power.Oracle) []string {
	promised := oracle.Promised(lun, event)
	switch {
	case promised == "":
		return nil
	case s == nil:
		return []string{"there is no state.db"}
	}
	i := slices.IndexFunc(s.ids, func(id string) bool { return naaOf(id) == promised })
	if i < 0 {
		return []string{fmt.Sprintf("no identity makes the designator %s of LUN %d", promised, lun)}
	}
	var wrong []string
	held, err := savedReservations(s.values["reservations/"+s.ids[i]])
	if err != nil {
		wrong = append(wrong, fmt.Sprintf("reservations of LUN %d: %v", lun, err))
	} else if what := oracle.Reserved(lun, event, held); what != "" {
		wrong = append(wrong, what)
	}
	const savedWriteCache = 1 // lun/modepages.go
	mode := s.values["mode/"+s.ids[i]]
	if what := oracle.WriteCache(lun, event, len(mode) == 0 || mode[0]&savedWriteCache != 0); what != "" {
		wrong = append(wrong, what)
	}
	return wrong
}

// naaOf returns the designator that lun derives from an identity (lun/vpd.go).
func naaOf(id string) string {
	sum := sha256.Sum256([]byte("ringtgt unit " + id))
	var n [16]byte
	binary.BigEndian.PutUint64(n[:], 6<<60|0x727467<<36|binary.BigEndian.Uint64(sum[:])>>28)
	copy(n[8:], sum[8:16])
	return hex.EncodeToString(n[:])
}

// savedReservations reads the value that lun/persist_store.go saves.
func savedReservations(value []byte) (string, error) {
	type registration struct{ Initiator, Key string }
	var image struct {
		Registrations []registration
		Type          uint8
		Holder        *registration
	}
	if len(value) > 0 {
		if err := json.Unmarshal(value, &image); err != nil {
			return "", err
		}
	}
	var keys []uint64
	var holder uint64
	for _, r := range image.Registrations {
		key, err := strconv.ParseUint(r.Key, 0, 64)
		if err != nil {
			return "", err
		}
		keys = append(keys, key)
		if image.Holder != nil && image.Holder.Initiator == r.Initiator {
			holder = key
		}
	}
	return power.Reservations(keys, image.Type, holder), nil
}

// lookAt reads a disk's image after recovering the file system's journal, as a mount does.
func lookAt(ctx context.Context, dir string, disk power.Disk, image []byte) (diskFound, error) {
	if !disk.Mount {
		return diskFound{blocks: bytes.Clone(image[:power.Blocks*power.BlockSize])}, nil
	}
	path := filepath.Join(dir, "check-"+disk.Name)
	if err := writeSparse(path, image); err != nil {
		return diskFound{}, err
	}
	// 1: errors were corrected. After a cut the counts of free blocks and inodes are wrong, and files that were being
	// deleted still exist.
	out, err := exec.CommandContext(ctx, "e2fsck", "-p", path).CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() > 1 {
		return diskFound{damage: fmt.Sprintf("the file system is damaged: %s", bytes.TrimSpace(out))}, nil
	} else if err != nil && exit == nil {
		return diskFound{}, err
	}
	file := power.LUNFile
	if disk.LUN < 0 {
		file = power.StateDir + "/state.db"
	}
	data, err := dumpFile(ctx, path, file)
	if errors.Is(err, fs.ErrNotExist) {
		return diskFound{}, nil
	} else if err != nil || disk.LUN >= 0 {
		return diskFound{blocks: data}, err
	}
	state, err := readState(path+".db", data)
	if err != nil {
		return diskFound{damage: "state.db: " + err.Error()}, nil
	}
	return diskFound{state: state}, nil
}

// writeSparse writes the non-zero parts of an image, which is mostly zeroes.
func writeSparse(path string, image []byte) error {
	const piece = 16 << 10
	var zeroes [piece]byte
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := file.Truncate(int64(len(image))); err != nil {
		return err
	}
	for at := 0; at < len(image); at += piece {
		if part := image[at:min(at+piece, len(image))]; !bytes.Equal(part, zeroes[:len(part)]) {
			if _, err := file.WriteAt(part, int64(at)); err != nil {
				return err
			}
		}
	}
	return file.Close()
}

// dumpFile reads a file of an ext4 image.
func dumpFile(ctx context.Context, image, file string) ([]byte, error) {
	to := image + ".file"
	if err := os.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	// debugfs exits with 0 without the file, and creates none.
	if out, err := exec.CommandContext(ctx, "debugfs", "-R", "dump /"+file+" "+to, image).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("debugfs: %w: %s", err, out)
	}
	return os.ReadFile(to)
}

// readState opens a copy of a state.db and reads everything, after bbolt has checked it.
func readState(path string, data []byte) (found *stateFound, err error) {
	// On a damaged file bbolt panics or reads beyond its mapping.
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		return nil, err
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second})
	if err != nil {
		return nil, err
	}
	defer db.Close()
	found = &stateFound{values: map[string][]byte{}}
	err = db.View(func(tx *bbolt.Tx) error {
		for err := range tx.Check() {
			return err
		}
		if b := tx.Bucket([]byte("disks")); b != nil { // by identity
			err := b.ForEach(func(k, _ []byte) error {
				found.ids = append(found.ids, string(k))
				return nil
			})
			if err != nil {
				return err
			}
		}
		if b := tx.Bucket([]byte("values")); b != nil {
			return b.ForEach(func(k, v []byte) error {
				found.values[string(k)] = bytes.Clone(v)
				return nil
			})
		}
		return nil
	})
	return found, err
}
