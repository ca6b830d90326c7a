// Package medium identifies the file or block device that holds a disk's data, in a way that survives a restart: not by its path,
// which can lead elsewhere later, but by properties that the file system or the device reports.
package medium

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Kind is the kind of a medium.
type Kind string

const (
	File  Kind = "file"
	Block Kind = "block"
)

// Fingerprint is a set of named facts that tell one medium from another. The zero value has none. Its text form is saved with a
// disk's identity and appears in messages:
//
//	file fsuuid=0f1e... fsid=8e02e5c1227f28e9 inode=12 born=2026-11-28T15:11:54.311259110Z size=8388608
//	block wwid=naa.5000c500a1b2c3d4 part=1 partuuid=... size=8388608
type Fingerprint struct {
	kind   Kind
	facts  []fact
	places []string // current location, for SharesPlace; not part of the text
}

// fact is one property of a medium. value has no spaces and no control characters (see clean).
type fact struct{ name, value string }

// Names of facts. For files: file system, inode and birth time.
const (
	factFSUUID = "fsuuid" // UUID of the file system
	factFSID   = "fsid"   // statfs(2) f_fsid, where it is derived from the file system's UUID
	factInode  = "inode"
	factBorn   = "born" // birth time, because inode numbers are reused
	factSize   = "size" // bytes
)

// For block devices. A partition also has the facts of its disk.
const (
	factWWID     = "wwid"     // SCSI: VPD page 83h; NVMe: NGUID, EUI-64 or UUID of the namespace
	factSerial   = "serial"   // serial number, if the disk has no WWID
	factDM       = "dm"       // device mapper: UUID
	factDMName   = "dmname"   // device mapper: name, if the device has no UUID
	factMD       = "md"       // array: UUID as the kernel prints it
	factMDUdev   = "mduuid"   // array: UUID as mdadm prints it
	factPart     = "part"     // number of a partition
	factPartUUID = "partuuid" // UUID of a partition
	factOffset   = "offset"   // loop device: its offset in the backing file
	factBacking  = "backing"  // loop device: path of a backing file that cannot be inspected
	ofBacking    = "backing." // loop device: prefix for the facts of its backing file
)

// identifying are the sets of facts that identify a medium uniquely. For block devices part is a member of each set.
var identifying = map[Kind][][]string{
	File: {{factInode, factBorn}},
	Block: {
		{factWWID}, {factSerial}, {factDM}, {factDMName}, {factMD}, {factMDUdev}, {factPartUUID},
		{ofBacking + factInode, ofBacking + factBorn, factOffset}, {factBacking, factOffset},
	},
}

// always are facts that two fingerprints of one medium either both have or both lack: a disk is not its partition.
var always = []string{factPart, factOffset}

// IsZero reports whether f has no facts.
func (f Fingerprint) IsZero() bool { return f.kind == "" }

// Kind returns the kind of the medium.
func (f Fingerprint) Kind() Kind { return f.kind }

// Size returns the medium's size in bytes when it was inspected; 0: unknown.
func (f Fingerprint) Size() int64 {
	n, _ := strconv.ParseInt(f.get(factSize), 10, 64) // we wrote the text ourselves
	return n
}

// Identifies reports whether f identifies the medium uniquely. If not, the medium is identified by its name.
func (f Fingerprint) Identifies() bool { return len(f.Keys()) > 0 }

// Keys returns unique names of the medium. Two fingerprints of one medium share at least one.
func (f Fingerprint) Keys() []string {
	var out []string
	for _, set := range identifying[f.kind] {
		key := string(f.kind)
		for _, name := range set {
			v := f.get(name)
			if v == "" {
				key = ""
				break
			}
			key += " " + name + "=" + v
		}
		if key == "" {
			continue
		}
		if p := f.get(factPart); p != "" {
			key += " " + factPart + "=" + p
		}
		out = append(out, key)
	}
	return out
}

// Differs returns why seen cannot be the medium of known, "" if it can. A fact that only one of them has proves nothing: kernels
// and file systems differ in what they report. A medium may have grown, but not shrunk.
func Differs(known, seen Fingerprint) string {
	if known.kind != seen.kind {
		return fmt.Sprintf("it was a %s medium and is a %s medium", known.kind, seen.kind)
	}
	var why []string
	common := 0
	for _, k := range known.facts {
		v := seen.get(k.name)
		switch {
		case k.name == factSize:
		case v == "" && !slices.Contains(always, k.name):
		case v != k.value:
			why = append(why, fmt.Sprintf("%s is %s, was %s", k.name, orNone(v), k.value))
		default:
			common++
		}
	}
	for _, name := range always {
		if v := seen.get(name); v != "" && known.get(name) == "" {
			why = append(why, fmt.Sprintf("%s is %s, was none", name, v))
		}
	}
	if len(why) > 0 {
		return strings.Join(why, "; ")
	}
	if common == 0 && known.tells() {
		return "nothing that it was known by can be seen now"
	}
	if was, is := known.Size(), seen.Size(); is < was {
		return fmt.Sprintf("it has %d bytes and had %d", is, was)
	}
	return ""
}

// Same reports whether a and b identify one medium, whatever its size is now.
func Same(a, b Fingerprint) bool {
	keys := b.Keys()
	return slices.ContainsFunc(a.Keys(), func(k string) bool { return slices.Contains(keys, k) }) &&
		Differs(a.without(factSize), b.without(factSize)) == ""
}

// Merge updates the facts of a medium that was seen again: the current ones, and the earlier ones that it does not report now.
func Merge(known, seen Fingerprint) Fingerprint {
	out := Fingerprint{kind: seen.kind, facts: slices.Clone(seen.facts), places: seen.places}
	for _, k := range known.facts {
		if known.kind == seen.kind && seen.get(k.name) == "" {
			out.facts = append(out.facts, k)
		}
	}
	return out
}

// SharesPlace reports whether two current fingerprints are of one file or device, by whatever paths, or of a loop device and its
// backing file.
func SharesPlace(a, b Fingerprint) bool {
	return slices.ContainsFunc(a.places, func(p string) bool { return slices.Contains(b.places, p) })
}

// Places returns names of the medium's place, valid until the next restart. SharesPlace compares them.
func (f Fingerprint) Places() []string { return f.places }

// tells reports whether there is a fact besides the size.
func (f Fingerprint) tells() bool {
	return slices.ContainsFunc(f.facts, func(k fact) bool { return k.name != factSize })
}

func (f Fingerprint) get(name string) string {
	for _, k := range f.facts {
		if k.name == name {
			return k.value
		}
	}
	return ""
}

func (f Fingerprint) without(name string) Fingerprint {
	f.facts = slices.DeleteFunc(slices.Clone(f.facts), func(k fact) bool { return k.name == name })
	return f
}

// add adds a fact if it has a value.
func (f *Fingerprint) add(name, value string) {
	if value = clean(value); value != "" {
		f.facts = append(f.facts, fact{name, value})
	}
}

func (f Fingerprint) String() string {
	var b strings.Builder
	b.WriteString(string(f.kind))
	for _, k := range f.facts {
		b.WriteString(" " + k.name + "=" + k.value)
	}
	return b.String()
}

// MarshalText implements encoding.TextMarshaler.
func (f Fingerprint) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler. It keeps unknown facts, which a later version has written.
func (f *Fingerprint) UnmarshalText(b []byte) error {
	kind, rest, _ := strings.Cut(string(b), " ")
	*f = Fingerprint{kind: Kind(kind)}
	switch f.kind {
	case "":
		return nil
	case File, Block:
	default:
		return fmt.Errorf("medium: %q begins no fingerprint", kind)
	}
	for word := range strings.FieldsSeq(rest) {
		name, value, ok := strings.Cut(word, "=")
		if !ok || name == "" || value == "" {
			return fmt.Errorf("medium: %q is not a fact of a fingerprint", word)
		}
		f.facts = append(f.facts, fact{name, value})
	}
	return nil
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// clean makes a word of a device's text. A run of blanks becomes one _, as in udev, and every byte that a terminal or our text form
// would interpret becomes %XX. Long texts are truncated.
func clean(s string) string {
	s = strings.Join(strings.Fields(strings.Trim(s, "\x00 \t\n")), "_")
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7F || c == '%' {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
		if b.Len() >= maxValue {
			break
		}
	}
	return b.String()
}
