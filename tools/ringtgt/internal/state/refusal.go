package state

import (
	"fmt"
	"strings"

	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/backend/medium"
)

// Reason says why a medium is not served.
type Reason string

const (
	Missing   Reason = "missing"   // it is known, and not there
	Another   Reason = "another"   // it is known by its name or ID, and is not that one
	Ambiguous Reason = "ambiguous" // it is known as two disks
	Twice     Reason = "twice"     // another unit serves the disk
)

// Refusal is the error for a medium that cannot be served as what it is known to be. Its text says what to do.
type Refusal struct {
	State  string // the state directory
	Ask    Ask
	Disk   Disk
	Other  *Disk // Ambiguous: the other disk
	Reason Reason
	Why    string // Another
}

func (r *Refusal) Error() string {
	spec, dir := shell(fmt.Sprintf("%s:%s", r.Ask.Kind, r.Ask.Path)), shell(r.State)
	adopt := fmt.Sprintf("`ringtgt adopt --state %s %s`", dir, spec)
	if r.Ask.ID != "" {
		adopt = fmt.Sprintf("`ringtgt adopt --state %s --id %s %s`", dir, shell(r.Ask.ID), spec)
	}
	forget := fmt.Sprintf("`ringtgt forget --state %s %s`", dir, shell(r.Disk.ID))
	switch r.Reason {
	case Missing:
		return fmt.Sprintf("%s is not there, and has been served as %s: a new one would show initiators an empty disk under the old name. "+
			"Mount its file system or bring it back. If the disk is given up, %s, and a new one is made", r.Ask.Path, r.Disk.Describe(), forget)
	case Ambiguous:
		return fmt.Sprintf("%s is known as two disks: as %s, and as %s. Give one of them up: %s or `ringtgt forget --state %s %s`",
			r.Ask.Path, r.Disk.Describe(), r.Other.Describe(), forget, dir, shell(r.Other.ID))
	case Twice:
		return fmt.Sprintf("%s is %s, which is served already: two units would not know of each other's reservations. "+
			"Where these are two devices that claim to be one, give each an id of its own", r.Ask.Path, r.Disk.Describe())
	}
	text := fmt.Sprintf("%s is not %s: %s. If it is that disk, copied or restored, %s. If it is another disk and that one is given up, %s",
		r.Ask.Path, r.Disk.Describe(), r.Why, adopt, forget)
	if r.Ask.Kind == medium.Block {
		if stable, moves := medium.Host().Moves(r.Ask.Path); moves {
			text += "; the kernel gives such names anew at each start"
			if stable != "" {
				text += ", and this device is always " + stable
			}
		}
	}
	return text
}

// Describe names the disk as people and initiators know it.
func (k *Disk) Describe() string {
	naa, _ := lun.Names(k.ID, "")
	text := fmt.Sprintf("disk %s (NAA %x", k.ID, naa)
	if k.Name != "" {
		text += fmt.Sprintf(", last at %s", k.Name)
	}
	if !k.Medium.IsZero() {
		text += ", " + k.Medium.String()
	}
	return text + ")"
}

// shell writes an argument as a shell takes it: people copy what we tell them to type.
func shell(s string) string {
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/:._-+,@%=", r))
	}) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
