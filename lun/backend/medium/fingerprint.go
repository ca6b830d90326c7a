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

// Fingerprint is what tells one medium from another: facts, each with a name. The zero value knows nothing. Its text form
// is kept with a disk's identity and shown to people:
//
//	file fsuuid=0f1e... fsid=8e02e5c1227f28e9 inode=12 born=2026-11-28T15:11:54.311259110Z size=8388608
//	block wwid=naa.5000c500a1b2c3d4 part=1 partuuid=... size=8388608
type Fingerprint struct {
	kind   Kind
	facts  []fact
	places []string // where it is now, for SharesPlace; no part of the text
}

// fact is one thing that a medium says of itself. value has no spaces and no control characters (see clean).
type fact struct{ name, value string }

// Names of facts. A file's: file system, inode and birth time.
const (
	factFSUUID = "fsuuid" // UUID of the file system
	factFSID   = "fsid"   // statfs(2) f_fsid, where it is made of the file system's own UUID
	factInode  = "inode"
	factBorn   = "born" // birth time: inode numbers are used again
	factSize   = "size" // bytes
)

// A block device's. Those of a partition's disk are the partition's too.
const (
	factWWID     = "wwid"     // SCSI: VPD page 83h; NVMe: NGUID, EUI-64 or UUID of the namespace
	factSerial   = "serial"   // serial number, of a disk without a WWID
	factDM       = "dm"       // device mapper: UUID
	factDMName   = "dmname"   // device mapper: name, of a device without a UUID
	factMD       = "md"       // array: UUID as the kernel prints it
	factMDUdev   = "mduuid"   // array: UUID as mdadm prints it
	factPart     = "part"     // number of a partition
	factPartUUID = "partuuid" // UUID of a partition
	factOffset   = "offset"   // loop device: where in the backing file it begins
	factBacking  = "backing"  // loop device: path of a backing file that cannot be looked at
	ofBacking    = "backing." // loop device: begins the names of its backing file's facts
)

// identifying are the sets of facts that tell a medium from all others. part goes with every one of a block device.
var identifying = map[Kind][][]string{
	File: {{factInode, factBorn}},
	Block: {
		{factWWID}, {factSerial}, {factDM}, {factDMName}, {factMD}, {factMDUdev}, {factPartUUID},
		{ofBacking + factInode, ofBacking + factBorn, factOffset}, {factBacking, factOffset},
	},
}

// always are the facts that two fingerprints of a medium either both have or both lack: a disk is not its partition.
var always = []string{factPart, factOffset}

// IsZero says that f knows nothing.
func (f Fingerprint) IsZero() bool { return f.kind == "" }

// Kind is the kind of the medium.
func (f Fingerprint) Kind() Kind { return f.kind }

// Size is the medium's size in bytes when it was looked at; 0: not known.
func (f Fingerprint) Size() int64 {
	n, _ := strconv.ParseInt(f.get(factSize), 10, 64) // our own text
	return n
}

// Identifies says that f tells the medium from every other. Without that, its name has to do.
func (f Fingerprint) Identifies() bool { return len(f.Keys()) > 0 }

// Keys are the names of the medium that nothing else has. Two fingerprints of one medium share a key at least.
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

// Differs says why seen cannot be the medium that known is of, and "" when it can. A fact that only one of them has says
// nothing: kernels and file systems tell more or less. A medium may have grown, but what it lost is lost.
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

// Same says that a and b identify one medium, whatever its size is now.
func Same(a, b Fingerprint) bool {
	keys := b.Keys()
	return slices.ContainsFunc(a.Keys(), func(k string) bool { return slices.Contains(keys, k) }) &&
		Differs(a.without(factSize), b.without(factSize)) == ""
}

// Merge is what is known of a medium that was seen again: what it says now, and what it said before and does not now.
func Merge(known, seen Fingerprint) Fingerprint {
	out := Fingerprint{kind: seen.kind, facts: slices.Clone(seen.facts), places: seen.places}
	for _, k := range known.facts {
		if known.kind == seen.kind && seen.get(k.name) == "" {
			out.facts = append(out.facts, k)
		}
	}
	return out
}

// SharesPlace says that two fingerprints taken now are of one file or device, by whatever paths they were reached, or of a
// loop device and the file behind it.
func SharesPlace(a, b Fingerprint) bool {
	return slices.ContainsFunc(a.places, func(p string) bool { return slices.Contains(b.places, p) })
}

// Places names where the medium is until the next restart; SharesPlace compares them.
func (f Fingerprint) Places() []string { return f.places }

// tells says that there is a fact besides the size.
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

// add keeps a fact that is there.
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

// UnmarshalText implements encoding.TextUnmarshaler. It keeps facts that it does not know: a later version wrote them.
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
			return fmt.Errorf("medium: %q is no fact of a fingerprint", word)
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

// clean makes a word of what a device says: a run of blanks becomes one _, as udev has it, and every other byte that a
// terminal or our own text form would take for something else %XX. It cuts what is too long.
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
