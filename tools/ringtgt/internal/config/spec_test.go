package config

import (
	"reflect"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/lun/backend"
)

func TestParseSpec(t *testing.T) {
	for text, want := range map[string]LUN{
		"mem:64M":            {Kind: backend.KindMemory, Size: 64 << 20},
		"mem:104857600":      {Kind: backend.KindMemory, Size: 104857600},
		"null:1T":            {Kind: backend.KindNull, Size: 1 << 40},
		"file:/a/b.img":      {Kind: backend.KindFile, Path: "/a/b.img"},
		"file:/a/b.img:1G":   {Kind: backend.KindFile, Path: "/a/b.img", Size: 1 << 30},
		"file:rel.img:1G":    {Kind: backend.KindFile, Path: "rel.img", Size: 1 << 30},
		"file:/a:b:c":        {Kind: backend.KindFile, Path: "/a:b:c"},
		"file:/a:b:2G":       {Kind: backend.KindFile, Path: "/a:b", Size: 2 << 30},
		"block:/dev/nvme0n1": {Kind: backend.KindBlock, Path: "/dev/nvme0n1"},
		"block:/dev/disk/by-path/pci-0000:00:1f.2":    {Kind: backend.KindBlock, Path: "/dev/disk/by-path/pci-0000:00:1f.2"},
		"mem:1M,bs=4096,ro,thin,removable":            {Kind: backend.KindMemory, Size: 1 << 20, BlockSize: 4096, ReadOnly: true, Thin: true, Removable: true},
		"mem:1M,bs=4k":                                {Kind: backend.KindMemory, Size: 1 << 20, BlockSize: 4096},
		"file:/x:1M,thin,pbs=4096,sanitize-rate=8MiB": {Kind: backend.KindFile, Path: "/x", Size: 1 << 20, Thin: true, PhysicalBlock: 4096, SanitizeRate: 8 << 20},
		"file:/x,direct=off,serial=A 1,id=abc=d":      {Kind: backend.KindFile, Path: "/x", Direct: backend.DirectOff, Serial: "A 1", ID: "abc=d"},
	} {
		if got, err := ParseSpec(text); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("ParseSpec(%q) = %+v, %v; want %+v", text, got, err, want)
		}
	}
}

func TestParseSpecRefuses(t *testing.T) {
	for text, because := range map[string]string{
		"":                     "want mem:SIZE",
		"mem":                  "needs a size",
		"mem:":                 "needs a size",
		"mem:-1":               "want a whole number",
		"mem:64Q":              `no unit "Q"`,
		"null:,bs=512":         "needs a size",
		"disk:/dev/sda":        `no kind "disk"`,
		"/dev/sda":             "want mem:SIZE",
		"MEM:1M":               `no kind "MEM"`,
		"file:":                "needs a path",
		"file::1G":             "needs a path",
		"file:/x:0":            "0 bytes",
		"file:/x:1Q":           `no unit "Q"`,
		"block:":               "needs a path",
		"mem:1M,":              "an option is empty",
		"mem:1M,,ro":           "an option is empty",
		"mem:1M,ro=yes":        "ro takes no value",
		"mem:1M,ro=":           "ro takes no value",
		"mem:1M,bs":            "bs needs a value",
		"mem:1M,bs=":           "bs needs a value",
		"mem:1M,bs=x":          "want a whole number",
		"mem:1M,ro,ro":         "ro is there twice",
		"mem:1M,bs=512,bs=512": "bs is there twice",
		"mem:1M,fast":          `no option "fast"`,
		"mem:1M,RO":            `no option "RO"`,
	} {
		if got, err := ParseSpec(text); err == nil || !strings.Contains(err.Error(), because) {
			t.Errorf("ParseSpec(%q) = %+v, %v; want an error with %q", text, got, err, because)
		}
	}
}

// ParseSpec handles any input without a panic, and what it accepts has the parts that its kind needs.
func FuzzParseSpec(f *testing.F) {
	for _, s := range []string{"mem:64M", "file:/a:b:1G,thin,bs=4096", "block:/dev/x,ro,direct=on", "null:1,id=x,serial=,", "file::", ",,,", "mem:1M,pbs=8E"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		l, err := ParseSpec(s)
		if err != nil {
			return
		}
		must.Be(t, l.Size >= 0 && l.BlockSize >= 0 && l.PhysicalBlock >= 0 && l.SanitizeRate >= 0, "ParseSpec(%q) = %+v", s, l)
		must.Be(t, l.Persistent() == (l.Path != ""), "ParseSpec(%q): kind %s with path %q", s, l.Kind, l.Path)
		var ps Problems
		c := &Config{Targets: []Target{{Name: DefaultTarget, LUNs: []LUN{l}}}}
		c.defaults(Flags{LUN: []string{s}}, &ps)
		validate(c, &ps)
		if len(ps.Errors()) == 0 && (l.Size%512 != 0 || l.BlockSize%512 != 0) {
			t.Fatalf("ParseSpec(%q) = %+v is taken as valid", s, l)
		}
	})
}
