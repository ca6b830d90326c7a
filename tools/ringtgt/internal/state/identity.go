package state

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"go.etcd.io/bbolt"
)

// Identity is what a disk is known by for ever: initiators see serial number and NAA designator that are made of ID.
type Identity struct {
	ID      string    `json:"id"`
	Created time.Time `json:"created"`
}

// Identity returns the identity of a medium, and makes one at the first time. medium says which one it is: see Medium.
func (s *State) Identity(medium string) (id Identity, err error) {
	err = s.db.Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucketIdentity)
		if v := b.Get([]byte(medium)); v != nil {
			if err := json.Unmarshal(v, &id); err != nil || id.ID == "" {
				return fmt.Errorf("identity of %s: not what this program saves", medium)
			}
			return nil
		}
		id = Identity{ID: NewID(), Created: time.Now().UTC().Truncate(time.Second)}
		v, err := json.Marshal(id)
		if err != nil {
			return err
		}
		return b.Put([]byte(medium), v)
	})
	return id, err
}

// NewID makes an identity that nothing else has: 128 random bits. It does not depend on names or LUNs, which are the same
// on every machine that was set up by the same book, and an initiator takes equal identities for paths to one disk.
func NewID() string {
	var b [16]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// MediumPath names the medium at a path, whatever target and LUN it is served as.
func MediumPath(kind, path string) string { return kind + ":" + path }

// MediumUnit names a medium that has no place of its own: that of a unit of a target.
func MediumUnit(kind, target string, lun int) string {
	return fmt.Sprintf("%s:%s/%d", kind, target, lun)
}
