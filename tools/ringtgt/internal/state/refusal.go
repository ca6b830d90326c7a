package state

import (
	"fmt"
	"time"

	"github.com/ringtgt/ringtgt/internal/medium"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/shell"
)

// Reason is why a medium is not served.
type Reason string

const (
	Missing   Reason = "missing"   // the known disk is not there
	Another   Reason = "another"   // another medium is in the known disk's place
	Ambiguous Reason = "ambiguous" // it matches two known disks
	Twice     Reason = "twice"     // another unit serves the disk
	Cut       Reason = "cut"       // the file was cut while it was served: see Losses
)

// Refusal is the error for a medium that must not be served. Its text is one line that names the fault; Advice has the remedy.
type Refusal struct {
	State  string // the state directory
	Ask    Ask
	Disk   Disk
	Other  *Disk // with Ambiguous: the other disk
	Reason Reason
	Why    string // with Another: the difference
}

func (r *Refusal) Error() string {
	path, id := r.Ask.Path, r.Disk.ID
	switch r.Reason {
	case Missing:
		return fmt.Sprintf("%s is missing; it was served as disk %s", path, id)
	case Ambiguous:
		return fmt.Sprintf("%s is known as two disks, %s and %s", path, id, r.Other.ID)
	case Twice:
		return fmt.Sprintf("%s is disk %s, which is served already", path, id)
	case Cut:
		return fmt.Sprintf("%s is disk %s, which lost its blocks from byte %d on", path, id, r.Disk.Lost.From)
	}
	return fmt.Sprintf("%s is not disk %s: %s", path, id, r.Why)
}

// Advice returns the remedy, in lines; lines that begin with two blanks are commands to type. program is the path with which the
// user started this program.
func (r *Refusal) Advice(program string) (lines []string) {
	say := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	run := func(command string) { say("  %s %s", shell.Quote(program), command) }
	forget := func(k *Disk) { run("forget --state " + shell.Quote(r.State) + " " + shell.Quote(k.ID)) }
	switch r.Reason {
	case Missing:
		say("It was %s.", r.Disk.Describe())
		say("A new file would show initiators an empty disk under the old name. Mount its file system, or restore the file.")
		say("To give the disk up, so that the next start makes a new one:")
		forget(&r.Disk)
	case Ambiguous:
		for _, k := range []*Disk{&r.Disk, r.Other} {
			say("To give up %s:", k.Describe())
			forget(k)
		}
	case Twice:
		say("Two units would not know of each other's reservations.")
		say("If these are two devices that claim to be one, give each an id of its own.")
	case Cut:
		say("It was %s.", r.Disk.Describe())
		say("It was truncated while it was served, which was noticed at %s.", r.Disk.Lost.Cut.Format(time.RFC3339))
		say("If it is longer again, there are zeroes where data was. Bring the data back, if there is a copy of it.")
		say("To serve the disk as it is then:")
		run(r.adopt(r.Disk.ID))
		say("To give the disk up:")
		forget(&r.Disk)
	case Another:
		say("The disk was %s.", r.Disk.Describe())
		if r.Ask.Kind == medium.Block {
			if stable, moves := medium.Host().Moves(r.Ask.Path); moves {
				text := "The kernel assigns such names again at each boot"
				if stable != "" {
					text += "; this device is always " + stable
				}
				say("%s.", text)
			}
		}
		say("If this is that disk (copied, restored, or what is left of it):")
		run(r.adopt(r.Ask.ID))
		say("If this is another disk, and you give that one up:")
		forget(&r.Disk)
	}
	return lines
}

// adopt returns the command that adopts the medium as the disk with this ID, or if that is "" as the one that was last at its path.
func (r *Refusal) adopt(id string) string {
	text := "adopt --state " + shell.Quote(r.State)
	if id != "" {
		text += " --id " + shell.Quote(id)
	}
	return text + " " + shell.Quote(fmt.Sprintf("%s:%s", r.Ask.Kind, r.Ask.Path))
}

// Describe returns the disk's name and the designator that initiators see.
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
