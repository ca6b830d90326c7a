package medium

import (
	"encoding/json"
	"strings"
	"testing"
)

func parse(t *testing.T, text string) (f Fingerprint) {
	t.Helper()
	if err := f.UnmarshalText([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return f
}

// The text form preserves everything that is compared, including facts of a later version.
func TestTextKeepsFacts(t *testing.T) {
	for _, text := range []string{
		"",
		"file fsuuid=00ff inode=12 born=2026-11-28T15:11:54.311259110Z size=8388608",
		"block wwid=naa.5000c500a1b2c3d4 part=1 later=x size=512",
	} {
		f := parse(t, text)
		if f.String() != text {
			t.Errorf("%q became %q", text, f)
		}
		b, err := json.Marshal(struct{ M Fingerprint }{f})
		if err != nil {
			t.Fatal(err)
		}
		var back struct{ M Fingerprint }
		if err := json.Unmarshal(b, &back); err != nil || back.M.String() != text {
			t.Errorf("%s became %q, %v", b, back.M, err)
		}
	}
	for _, text := range []string{"tape x=y", "file inode", "file =1", "file inode="} {
		var f Fingerprint
		if f.UnmarshalText([]byte(text)) == nil {
			t.Errorf("%q was taken", text)
		}
	}
}

// A device chooses its texts. No control character of them may reach a terminal, and no text may form another fact.
func TestHostileTexts(t *testing.T) {
	f := Fingerprint{kind: Block}
	f.add(factWWID, "t10.ATA     Disk\x00\x00")
	f.add(factSerial, "\x1b[2J x size=1\n\xff%")
	f.add("empty", " \x00")
	f.add("long", strings.Repeat("x", 1<<20))
	want := "block wwid=t10.ATA_Disk serial=%1B[2J_x_size=1_%FF%25 long="
	if s := f.String(); !strings.HasPrefix(s, want) || len(s) > len(want)+maxValue {
		t.Errorf("%.120q", s)
	}
	if back := parse(t, f.String()); Differs(f, back) != "" || len(back.facts) != 3 {
		t.Errorf("%.120q came back as %.120q", f, back)
	}
}

func TestDiffers(t *testing.T) {
	for _, tt := range []struct {
		name, known, seen string
		want              string // in the reason; "": none
		same              bool
	}{
		{"one file", "file fsuuid=aa inode=1 born=x size=8", "file fsuuid=aa inode=1 born=x size=8", "", true},
		{"grown", "file fsuuid=aa inode=1 born=x size=8", "file fsuuid=aa inode=1 born=x size=9", "", true},
		{"cut", "file fsuuid=aa inode=1 born=x size=8", "file fsuuid=aa inode=1 born=x size=7", "it has 7 bytes and had 8", true},
		{"another inode", "file fsuuid=aa inode=1 born=x size=8", "file fsuuid=aa inode=2 born=x size=8", "inode is 2, was 1", false},
		{"an inode used again", "file fsuuid=aa inode=1 born=x size=8", "file fsuuid=aa inode=1 born=y size=8", "born is y, was x", false},
		{"another file system", "file fsuuid=aa inode=1 born=x size=8", "file fsuuid=bb inode=1 born=x size=8", "fsuuid is bb, was aa", false},
		{"a kernel that tells more", "file fsid=aa inode=1 born=x size=8", "file fsuuid=u fsid=aa inode=1 born=x size=8", "", true},
		{"no birth times", "file fsid=aa inode=1 size=8", "file fsid=aa inode=1 size=8", "", false},
		{"nothing in common", "file inode=1 size=8", "file born=x size=8", "nothing that it was known by", false},
		{"by name alone", "block size=8", "block size=8", "", false},
		{"by name alone, cut", "block size=8", "block size=7", "had 8", false},
		{"file and device", "file inode=1 born=x size=8", "block wwid=w size=8", "file medium", false},
		{"one WWID", "block wwid=w size=8", "block wwid=w size=8", "", true},
		{"two WWIDs", "block wwid=w size=8", "block wwid=v size=8", "wwid is v, was w", false},
		{"a device that fell silent", "block wwid=w size=8", "block size=8", "nothing that it was known by", false},
		{"a disk and its partition", "block wwid=w size=8", "block wwid=w part=1 size=8", "part is 1, was none", false},
		{"a partition and its disk", "block wwid=w part=1 size=8", "block wwid=w size=8", "part is none, was 1", false},
		{"two partitions", "block wwid=w part=1 size=8", "block wwid=w part=2 size=8", "part is 2, was 1", false},
		{"one array, another source", "block md=x mduuid=y size=8", "block mduuid=y size=8", "", true},
		{"a loop device elsewhere in its file", "block backing.inode=1 backing.born=x offset=0 size=8",
			"block backing.inode=1 backing.born=x offset=4096 size=8", "offset is 4096, was 0", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			known, seen := parse(t, tt.known), parse(t, tt.seen)
			why := Differs(known, seen)
			if why != tt.want && (tt.want == "" || !strings.Contains(why, tt.want)) {
				t.Errorf("Differs = %q, want %q", why, tt.want)
			}
			if Same(known, seen) != tt.same {
				t.Errorf("Same = %t", !tt.same)
			}
		})
	}
}
