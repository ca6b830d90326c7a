package kerneltest

import (
	"slices"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
)

func TestModuleNeeds(t *testing.T) {
	for _, test := range []struct {
		name, modinfo string
		want          []string
	}{
		{"none", "license=GPL\x00depends=\x00", nil},
		{"two", "alias=fs-ext4\x00depends=jbd2,mbcache\x00retpoline=Y\x00", []string{"jbd2", "mbcache"}},
		{"no terminator", "depends=libiscsi", []string{"libiscsi"}},
		{"padding", "\x00\x00depends=a\x00\x00\x00", []string{"a"}},
		{"other keys", "softdep=pre: crc32c\x00parm=depends=x\x00", nil},
		{"empty", "", nil},
	} {
		if got := moduleNeeds([]byte(test.modinfo)); !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

// fakeModules makes a set from "name: need need" lines.
func fakeModules(lines ...string) *moduleSet {
	set := &moduleSet{files: map[string]module{}, builtin: map[string]bool{"virtio": true}}
	for _, line := range lines {
		name, needs, _ := strings.Cut(line, ":")
		set.files[moduleName(name)] = module{"/m/" + name + ".ko", func() ([]string, error) { return strings.Fields(needs), nil }}
	}
	return set
}

func TestModuleOrder(t *testing.T) {
	set := fakeModules(
		"iscsi_tcp: libiscsi_tcp libiscsi scsi_transport_iscsi",
		"libiscsi_tcp: libiscsi",
		"libiscsi: scsi_mod scsi_transport_iscsi",
		"scsi_transport_iscsi: scsi_mod",
		"scsi_mod: scsi_common",
		"scsi_common:",
		"virtio_net: net_failover virtio",
		"net_failover:",
		"crc32c-intel:",
	)
	got := must.Get(set.order([]string{"iscsi_tcp", "virtio_net", "scsi_mod", "crc32c_intel", "virtio"}))(t)
	want := []string{"scsi_common", "scsi_mod", "scsi_transport_iscsi", "libiscsi", "libiscsi_tcp", "iscsi_tcp",
		"net_failover", "virtio_net", "crc32c-intel"}
	for i, name := range want {
		want[i] = "/m/" + name + ".ko"
	}
	check.That(t, slices.Equal(got, want), "order %q\nwant  %q", got, want)
}

func TestModuleOrderRefuses(t *testing.T) {
	set := fakeModules("a: b", "b: c", "c: a", "d: missing")
	if _, err := set.order([]string{"a"}); err == nil || !strings.Contains(err.Error(), "needs itself") {
		t.Errorf("a loop of needs: %v", err)
	}
	if _, err := set.order([]string{"d"}); err == nil || !strings.Contains(err.Error(), "missing (for d)") {
		t.Errorf("a need that is not there: %v", err)
	}
	if _, err := set.order([]string{"gone"}); err == nil || !strings.Contains(err.Error(), "gone") {
		t.Errorf("a wanted module that is not there: %v", err)
	}
}
