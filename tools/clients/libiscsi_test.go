package clients_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/harness"
	"github.com/ringtgt/ringtgt/internal/must"
)

// iscsi-ls logs in to a discovery session, sends SendTargets, and with -s asks every target for its LUNs. It takes the last LBA for the
// number of blocks, so its sizes are rounded down to the MiB below.
func TestDiscovery(t *testing.T) {
	harness.Need(t, "iscsi-ls", pkgLibiscsi)
	d := harness.StartT(t, harness.Options{LUNs: []string{"mem:64M", "mem:32M"}})
	mustContain(t, run(t, "iscsi-ls", d.Portal()), "Target:"+d.Target(), "Portal:"+d.Addr())
	mustContain(t, run(t, "iscsi-ls", "--url", d.Portal()), "iscsi://"+d.Addr()+"/"+d.Target())
	out := run(t, "iscsi-ls", "-s", d.Portal())
	mustContain(t, out, "Target:"+d.Target(), "Lun:0", "Lun:1", "Type:DIRECT_ACCESS (Size:63M)", "Type:DIRECT_ACCESS (Size:31M)")
}

// INQUIRY and the vital product data pages that initiators of the field ask for.
func TestInquiry(t *testing.T) {
	harness.Need(t, "iscsi-inq", pkgLibiscsi)
	d := harness.StartT(t, harness.Options{LUNs: []string{"mem:64M,thin"}})
	mustContain(t, run(t, "iscsi-inq", d.URL(0)), "Peripheral Device Type:DIRECT_ACCESS", "Removable:0", "Version:6", "ReponseDataFormat:2")
	for page, want := range map[int]string{
		0x00: "Page:0x83",
		0x80: "Unit Serial Number:[",
		0x83: "designator type:(3) naa",
		0xb0: "maximum unmap lba count:",
		0xb1: "medium rotation rate:",
		0xb2: "lbprz:1",
	} {
		out := run(t, "iscsi-inq", "-e", "1", "-c", strconv.Itoa(page), d.URL(0))
		check.That(t, strings.Contains(strings.ToLower(out), strings.ToLower(want)), "page %02Xh does not say %q:\n%s", page, want, out)
	}
}

func TestReadCapacity16(t *testing.T) {
	harness.Need(t, "iscsi-readcapacity16", pkgLibiscsi)
	d := harness.StartT(t, harness.Options{LUNs: []string{"mem:64M", "mem:64M,bs=4096,thin"}})
	for lun, want := range []string{
		"RETURNED LOGICAL BLOCK ADDRESS:131071",
		"RETURNED LOGICAL BLOCK ADDRESS:16383",
	} {
		check.Equal(t, strings.TrimSpace(run(t, "iscsi-readcapacity16", "-s", d.URL(lun))), "67108864", "LUN %d has bytes", lun)
		mustContain(t, run(t, "iscsi-readcapacity16", d.URL(lun)), want)
	}
}

// The SWP bit of the control mode page (SPC-4 7.5.8): writes are refused until it is cleared again.
func TestSoftwareWriteProtect(t *testing.T) {
	harness.Need(t, "iscsi-swp", pkgLibiscsi)
	needQemu(t)
	d := harness.StartT(t, harness.Options{LUNs: []string{"mem:64M"}})
	qemuIO(t, d.URL(0), "write -P 0x11 0 64k")
	run(t, "iscsi-swp", "--swp=on", d.URL(0))
	if out, err := tryQemuIO(t, d.URL(0), "write -P 0x22 0 64k"); err == nil {
		t.Errorf("a write to a write-protected unit succeeded:\n%s", out)
	}
	run(t, "iscsi-swp", "--swp=off", d.URL(0))
	qemuIO(t, d.URL(0), "read -P 0x11 0 64k", "write -P 0x22 0 64k", "read -P 0x22 0 64k")
}

// A name that is not served is refused with a reason (RFC 7143 11.13.5, status 0203h), and the daemon serves on.
func TestUnknownTargetAndLUN(t *testing.T) {
	harness.Need(t, "iscsi-inq", pkgLibiscsi)
	d := harness.StartT(t, harness.Options{LUNs: []string{"mem:64M"}})
	out, err := try(t, "", "iscsi-inq", d.Portal()+"/iqn.2026-11.io.ringtgt:nosuch/0")
	check.That(t, err != nil, "login to an unknown target succeeded:\n%s", out)
	mustContain(t, out, "Target not found")
	if out, err := try(t, "", "iscsi-readcapacity16", d.URL(7)); err == nil {
		t.Errorf("LUN 7 does not exist but has a capacity:\n%s", out)
	}
	run(t, "iscsi-readcapacity16", d.URL(0))
}

// Two targets of one portal are two disks; discovery shows both.
func TestSeveralTargets(t *testing.T) {
	harness.Need(t, "iscsi-ls", pkgLibiscsi)
	needQemu(t)
	const a, b = "iqn.2026-11.io.ringtgt:a", "iqn.2026-11.io.ringtgt:b"
	d := harness.StartT(t, harness.Options{Config: `
[[portal]]
listen = "{{ADDR}}"

[[target]]
name = "` + a + `"
[[target.lun]]
lun = 0
memory = "16MiB"

[[target]]
name = "` + b + `"
[[target.lun]]
lun = 0
memory = "32MiB"
[[target.lun]]
lun = 5
memory = "8MiB"
`})
	mustContain(t, run(t, "iscsi-ls", "-s", d.Portal()), "Target:"+a, "Target:"+b, "(Size:15M)", "(Size:31M)", "Lun:5")
	urlA, urlB, urlB5 := d.Portal()+"/"+a+"/0", d.Portal()+"/"+b+"/0", d.Portal()+"/"+b+"/5"
	qemuIO(t, urlA, "write -P 0xaa 0 1M")
	qemuIO(t, urlB, "write -P 0xbb 0 1M")
	qemuIO(t, urlB5, "read -P 0 0 1M", "write -P 0xb5 0 1M")
	qemuIO(t, urlA, "read -P 0xaa 0 1M")
	qemuIO(t, urlB, "read -P 0xbb 0 1M")
	qemuIO(t, urlB5, "read -P 0xb5 0 1M")
}

// A read-only LUN reads and refuses writes; its data is not touched.
func TestReadOnlyLUN(t *testing.T) {
	needQemu(t)
	dir := t.TempDir()
	spec := "file:" + dir + "/lun.img:16M"
	d := harness.StartT(t, harness.Options{LUNs: []string{spec}})
	qemuIO(t, d.URL(0), "write -P 0x5a 1M 1M", "flush")
	must.OK(t, d.Terminate(0))
	d = harness.StartT(t, harness.Options{LUNs: []string{spec + ",ro"}})
	out, err := try(t, "", "qemu-io", "-r", "-f", "raw", "-c", "read -P 0x5a 1M 1M", d.URL(0))
	if err != nil {
		t.Fatalf("reading: %v\n%s", err, out)
	}
	if out, err := tryQemuIO(t, d.URL(0), "write -P 0x66 1M 64k"); err == nil {
		t.Errorf("a write succeeded:\n%s", out)
	}
	if out, err = try(t, "", "qemu-io", "-r", "-f", "raw", "-c", "read -P 0x5a 1M 1M", d.URL(0)); err != nil {
		t.Errorf("the data changed: %v\n%s", err, out)
	}
}
