package kerneltest

import (
	"slices"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
)

const index = `Package: fio
Version: 3.33-3
Depends: libaio1 (>= 0.3.93), libc6 (>= 2.34), python3:any
Pre-Depends: init-system-helpers
Description: a tester
 with Depends: nothing

Package: open-iscsi
Version: 2.1.8-1
Depends: debconf (>= 0.5) | debconf-2.0, libkmod2 | libother, libc6
`

func TestParseStanzas(t *testing.T) {
	got, err := parseStanzas(strings.NewReader(index))
	must.Be(t, err == nil && len(got) == 2, "%+v, %v; want two stanzas", got, err)
	if got[0].name != "fio" || got[0].version != "3.33-3" ||
		!slices.Equal(got[0].depends, []string{"libaio1", "libc6", "python3", "init-system-helpers"}) {
		t.Errorf("first stanza: %+v", got[0])
	}
	if got[1].name != "open-iscsi" || !slices.Equal(got[1].depends, []string{"debconf", "libkmod2", "libc6"}) {
		t.Errorf("second stanza: %+v", got[1])
	}
}

func TestClosure(t *testing.T) {
	depends := map[string]string{
		"linux-image-amd64":         "linux-image-6.1.0-1-amd64",
		"linux-image-6.1.0-1-amd64": "kmod linux-base initramfs-tools",
		"fio":                       "libaio1 libc6 python3",
		"libaio1":                   "libc6",
		"libc6":                     "libgcc-s1",
		"libgcc-s1":                 "gcc-12-base libc6", // libraries do need each other
	}
	show := func(names []string) (out []stanza, err error) {
		for _, name := range names {
			if needs, ok := depends[name]; ok {
				out = append(out, stanza{name: name, depends: strings.Fields(needs)})
			}
		}
		return out, nil
	}
	got, err := closure([]string{"linux-image-amd64", "fio"}, show)
	want := []string{"fio", "libaio1", "libc6", "libgcc-s1", "linux-image-6.1.0-1-amd64"}
	check.That(t, err == nil && slices.Equal(got, want), "closure %q, %v; want %q", got, err, want)
	if _, err := closure([]string{"fio", "nosuch"}, show); err == nil {
		t.Error("a package that apt does not know was let pass")
	}
}
