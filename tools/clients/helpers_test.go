package clients_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/harness"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/internal/need"
)

func TestMain(m *testing.M) { harness.Main(m) }

// clientTime bounds one run of a client. None of the jobs here takes a tenth of it; what exceeds it hangs.
const clientTime = 60 * time.Second

// packages of the clients.
const (
	pkgLibiscsi = "libiscsi-bin"
	pkgQemu     = "qemu-utils"
)

// needQemu skips unless qemu-img and qemu-io are there and have the iscsi driver, which Debian keeps in another package.
func needQemu(t testing.TB) {
	t.Helper()
	harness.Need(t, "qemu-io", pkgQemu)
	harness.Need(t, "qemu-img", pkgQemu)
	files := must.Get(filepath.Glob("/usr/lib/*/qemu/block-iscsi.so"))(t)
	if len(files) == 0 {
		need.Missing(t, "qemu has no iscsi driver: install the Debian package qemu-block-extra")
	}
}

// try runs a client to its end and returns what it wrote to stdout and stderr together.
func try(t testing.TB, stdin, name string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), clientTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = fmt.Errorf("still running after %v", clientTime)
	}
	return out.String(), err
}

// run is try for a client that must succeed.
func run(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := try(t, "", name, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, clip(out))
	}
	return out
}

// mustContain fails unless every one of want stands in the client's output.
func mustContain(t testing.TB, out string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(out, w) {
			t.Errorf("the client does not say %q:\n%s", w, clip(out))
		}
	}
}

func clip(s string) string {
	if len(s) > 4000 {
		return s[:2000] + "\n[...]\n" + s[len(s)-2000:]
	}
	return s
}

// qemuIO runs commands of qemu-io on one LUN in one process and fails unless each did what it should: qemu-io ends with an error when
// a command fails or a pattern is not what `read -P` was told.
func qemuIO(t testing.TB, url string, commands ...string) string {
	t.Helper()
	out, err := tryQemuIO(t, url, commands...)
	if err != nil {
		t.Fatalf("qemu-io %s: %v\n%s\n%s", url, err, clip(strings.Join(commands, "\n")), clip(out))
	}
	return out
}

func tryQemuIO(t testing.TB, url string, commands ...string) (string, error) {
	t.Helper()
	args := []string{"-f", "raw", "-t", "none"}
	for _, c := range commands {
		args = append(args, "-c", c)
	}
	return try(t, "", "qemu-io", append(args, url)...)
}

// randomFile writes size bytes that no compression or zero detection shortens, with some runs of zeros between, and returns the path.
func randomFile(t testing.TB, size int64, seed uint64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "random.raw")
	f := must.Get(os.Create(path))(t)
	defer f.Close()
	rng := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	block := make([]byte, 64<<10)
	for at := int64(0); at < size; at += int64(len(block)) {
		clear(block)
		if rng.Uint64()%8 != 0 {
			_, _ = rng.Read(block)
		}
		must.Get(f.Write(block[:min(int64(len(block)), size-at)]))(t)
	}
	return path
}

// lunKind is a kind of LUN that data tests run on.
type lunKind struct {
	name  string
	spec  func(dir string) string
	block int64 // logical block in bytes
}

const lunSize = 64 << 20

// dataKinds are the LUNs that every test of plain reading and writing runs on. Thin with 4096-byte blocks is not among them: qemu 7.2
// aborts on a read of 32 KiB or more from such a disk, of whatever target (block/iscsi.c, iscsi_co_block_status, asserts that
// BDRV_REQUEST_MAX_BYTES is a multiple of the block). TestThin4K reads less at a time.
var dataKinds = []lunKind{
	{"memory-thin", func(string) string { return "mem:64M,thin" }, 512},
	{"memory-4k", func(string) string { return "mem:64M,bs=4096" }, 4096},
	{"file", func(dir string) string { return "file:" + dir + "/lun.img:64M" }, 512},
	{"file-thin", func(dir string) string { return "file:" + dir + "/lun.img:64M,thin" }, 512},
	{"file-4k", func(dir string) string { return "file:" + dir + "/lun.img:64M,bs=4096" }, 4096},
}

// forEachKind runs a test on every kind, against a daemon of its own.
func forEachKind(t *testing.T, test func(t *testing.T, k lunKind, d *harness.Daemon)) {
	for _, k := range dataKinds {
		t.Run(k.name, func(t *testing.T) {
			d := harness.StartT(t, harness.Options{LUNs: []string{k.spec(t.TempDir())}})
			test(t, k, d)
			check.OK(t, d.Terminate(0))
		})
	}
}

// eventually asks until ok, or fails with what was last said. It is for what another process does in its own time.
func eventually(t testing.TB, limit time.Duration, ok func() (bool, string)) {
	t.Helper()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		done, said := ok()
		if done {
			return
		}
		select {
		case <-deadline.C:
			t.Fatalf("after %v: %s", limit, said)
		case <-tick.C:
		}
	}
}
