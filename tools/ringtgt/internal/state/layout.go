package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/ringtgt/ringtgt/internal/medium"
	"go.etcd.io/bbolt"
)

// version is the version of the database's layout. Version 1 had the identities of files and devices among those of units,
// by the path as typed. A program that knows only version 1 must not open version 2: it would give every disk a new identity.
const version = "2"

var (
	bucketMeta     = []byte("meta")     // "version"
	bucketValues   = []byte("values")   // values saved by the device server
	bucketIdentity = []byte("identity") // Identity by UnitName
	bucketDisks    = []byte("disks")    // Disk by ID
	keyVersion     = []byte("version")
)

// prepare creates or converts the layout.
func prepare(tx *bbolt.Tx) error {
	for _, name := range [][]byte{bucketMeta, bucketValues, bucketIdentity, bucketDisks} {
		if _, err := tx.CreateBucketIfNotExists(name); err != nil {
			return err
		}
	}
	switch v := tx.Bucket(bucketMeta).Get(keyVersion); {
	case v == nil:
	case string(v) == version:
		return nil
	case string(v) == "1":
		if err := migrate(tx); err != nil {
			return err
		}
	default:
		return errVersion(v)
	}
	return tx.Bucket(bucketMeta).Put(keyVersion, []byte(version))
}

func errVersion(v []byte) error {
	return fmt.Errorf("its layout is version %q, and this program knows %s", v, version)
}

// migrate makes disks of the identities that version 1 saved by path. Their fingerprints are filled in when they are next seen.
func migrate(tx *bbolt.Tx) error {
	units := tx.Bucket(bucketIdentity)
	disks, _, err := parts(tx)
	if err != nil {
		return err
	}
	for _, k := range disks {
		if err := putJSON(tx.Bucket(bucketDisks), k.ID, k); err != nil {
			return err
		}
		if err := units.Delete([]byte(string(k.Kind) + ":" + k.Name)); err != nil {
			return err
		}
	}
	return nil
}

// load reads the disks and units of either version.
func load(dir string, tx *bbolt.Tx) (*Disks, map[string]Identity, error) {
	out := newDisks(dir)
	out.exists = true
	if meta := tx.Bucket(bucketMeta); meta == nil || tx.Bucket(bucketIdentity) == nil {
		return nil, nil, errors.New("it has no identities")
	} else if v := meta.Get(keyVersion); string(v) != version && string(v) != "1" {
		return nil, nil, errVersion(v)
	}
	disks, units, err := parts(tx)
	if err != nil {
		return nil, nil, err
	}
	if b := tx.Bucket(bucketDisks); b != nil {
		err = b.ForEach(func(key, v []byte) error {
			var k Disk
			if err := json.Unmarshal(v, &k); err != nil || k.ID != string(key) {
				return fmt.Errorf("disk %s: not what this program saves", key)
			}
			disks = append(disks, k)
			return nil
		})
		if err != nil {
			return nil, nil, err
		}
	}
	for _, k := range disks {
		out.put(k)
	}
	return out, units, nil
}

// parts splits the bucket of identities into those by path, from version 1, and those of units.
func parts(tx *bbolt.Tx) (disks []Disk, units map[string]Identity, err error) {
	units = map[string]Identity{}
	err = tx.Bucket(bucketIdentity).ForEach(func(key, v []byte) error {
		var id Identity
		if err := json.Unmarshal(v, &id); err != nil || id.ID == "" {
			return fmt.Errorf("identity of %s: not what this program saves", key)
		}
		kind, path, _ := strings.Cut(string(key), ":")
		switch k := medium.Kind(kind); k {
		case medium.File, medium.Block:
			disks = append(disks, Disk{ID: id.ID, Created: id.Created, Kind: k, Name: path})
		default:
			units[string(key)] = id
		}
		return nil
	})
	return disks, units, err
}
