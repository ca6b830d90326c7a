package clients_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/harness"
)

// An image goes to the LUN and comes back, byte for byte.
func TestQemuImgConvert(t *testing.T) {
	needQemu(t)
	forEachKind(t, func(t *testing.T, k lunKind, d *harness.Daemon) {
		image := randomFile(t, lunSize, 7)
		run(t, "qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", "-t", "none", image, d.URL(0))
		mustContain(t, run(t, "qemu-img", "compare", "-f", "raw", "-F", "raw", image, d.URL(0)), "Images are identical.")
		back := filepath.Join(t.TempDir(), "back.raw")
		run(t, "qemu-img", "convert", "-f", "raw", "-O", "raw", "-T", "none", d.URL(0), back)
		run(t, "cmp", image, back)
		mustContain(t, run(t, "qemu-img", "info", "-f", "raw", d.URL(0)), "virtual size: 64 MiB")
	})
}

// Patterns at the edges: one block, across 64 KiB and 1 MiB, the last block, larger than one burst; zeros, discard, many at once.
func TestQemuIOPatterns(t *testing.T) {
	needQemu(t)
	forEachKind(t, func(t *testing.T, k lunKind, d *harness.Daemon) {
		b := k.block
		end := int64(lunSize)
		cmds := []string{
			"write -P 0x01 0 " + num(b),
			"write -P 0x02 " + num(b) + " " + num(b),
			"write -P 0x03 " + num(65536-b) + " " + num(2*b),
			"write -P 0x04 " + num(end-b) + " " + num(b),
			"write -P 0x05 1M 8M",
			"write -f -P 0x06 12M 1M", // FUA
			"flush",
			"read -P 0x01 0 " + num(b),
			"read -P 0x02 " + num(b) + " " + num(b),
			"read -P 0x00 " + num(2*b) + " " + num(65536-3*b),
			"read -P 0x03 " + num(65536-b) + " " + num(2*b),
			"read -P 0x04 " + num(end-b) + " " + num(b),
			"read -P 0x05 1M 8M",
			"read -P 0x06 12M 1M",
			"write -z 2M 1M",
			"read -P 0x05 1M 1M", "read -P 0x00 2M 1M", "read -P 0x05 3M 6M",
			"write -z -u 4M 1M", // may unmap
			"read -P 0x00 4M 1M", "read -P 0x05 5M 4M",
		}
		qemuIO(t, d.URL(0), cmds...)
		qemuIO(t, d.URL(0), "read -P 0x01 0 "+num(b), "read -P 0x05 5M 4M", "read -P 0x04 "+num(end-b)+" "+num(b))
		if out, err := tryQemuIO(t, d.URL(0), "read "+num(end)+" "+num(b)); err == nil {
			t.Errorf("a read beyond the end succeeded:\n%s", out)
		}
		// 64 writes under way at once, then all of them checked
		var async, check []string
		for i := range 64 {
			at := int64(16<<20) + int64(i)*256<<10
			async = append(async, fmt.Sprintf("aio_write -P %d %d 256k", i+1, at))
			check = append(check, fmt.Sprintf("read -P %d %d 256k", i+1, at))
		}
		qemuIO(t, d.URL(0), append(append(async, "aio_flush"), check...)...)
	})
}

// A thin disk of 4096-byte blocks, in pieces that qemu 7.2 can read (see dataKinds).
func TestThin4K(t *testing.T) {
	needQemu(t)
	for name, spec := range map[string]string{"memory": "mem:64M,thin,bs=4096", "file": "file:" + t.TempDir() + "/lun.img:64M,thin,bs=4096"} {
		t.Run(name, func(t *testing.T) {
			d := harness.StartT(t, harness.Options{LUNs: []string{spec}})
			var cmds []string
			for i := range 64 {
				at := i * 28672
				cmds = append(cmds, fmt.Sprintf("write -P %d %d 28672", i+1, at))
			}
			cmds = append(cmds, "write -z -u 28672 28672", "write -z 57344 28672", "flush", "read -P 0 28672 28672", "read -P 0 57344 28672")
			for i := 3; i < 64; i++ {
				cmds = append(cmds, fmt.Sprintf("read -P %d %d 28672", i+1, i*28672))
			}
			qemuIO(t, d.URL(0), cmds...)
		})
	}
}

// libiscsi negotiates a CRC32C header digest when qemu is told to want it (RFC 7143 13.1); every PDU then carries one.
func TestHeaderDigest(t *testing.T) {
	needQemu(t)
	d := harness.StartT(t, harness.Options{LUNs: []string{"mem:64M"}})
	for _, digest := range []string{"none", "none-crc32c", "crc32c-none", "crc32c"} {
		image := "driver=raw,file.driver=iscsi,file.transport=tcp,file.portal=" + d.Addr() + ",file.target=" + d.Target() +
			",file.lun=0,file.header-digest=" + digest
		args := []string{"--image-opts", "-t", "none"}
		for _, c := range []string{"write -P 0x31 0 4M", "write -P 0x32 1M 512", "read -P 0x31 0 1M", "read -P 0x32 1M 512", "read -P 0x31 2M 2M"} {
			args = append(args, "-c", c)
		}
		run(t, "qemu-io", append(args, image)...)
	}
}

// fsx drives random writes, reads, zeros, flushes and reopenings and checks every byte against a model. A failure is a seed.
func TestRandomVerify(t *testing.T) {
	needQemu(t)
	rounds, perRound := 6, 250
	if testing.Short() {
		rounds = 2
	}
	forEachKind(t, func(t *testing.T, k lunKind, d *harness.Daemon) {
		seed := rand.Uint64()
		t.Logf("seed %#x", seed)
		rng := rand.New(rand.NewPCG(seed, 0))
		// a small part of the LUN, so that operations overlap; the model is one pattern byte a block
		const span = 4 << 20
		model := make([]byte, span/k.block)
		for round := range rounds {
			var cmds []string
			for range perRound {
				cmds = append(cmds, randomOp(rng, model, k.block)...)
			}
			cmds = append(cmds, readAll(model, k.block, 0, len(model))...)
			out, err := try(t, strings.Join(cmds, "\n")+"\nquit\n", "qemu-io", "-f", "raw", "-t", "none", d.URL(0))
			if bad := firstBad(out); err != nil || bad != "" {
				t.Fatalf("seed %#x, round %d: %v %s", seed, round, err, bad)
			}
		}
	})
}

// randomOp returns the commands of one random operation and applies it to the model.
func randomOp(rng *rand.Rand, model []byte, block int64) []string {
	first := rng.IntN(len(model))
	n := 1 + rng.IntN(min(len(model)-first, 1<<rng.IntN(12)))
	at, size := int64(first)*block, int64(n)*block
	fill := func(p byte) {
		for i := range n {
			model[first+i] = p
		}
	}
	pattern := byte(1 + rng.IntN(255))
	switch op := rng.IntN(10); {
	case op < 4:
		fill(pattern)
		return []string{fmt.Sprintf("write -P %d %d %d", pattern, at, size)}
	case op == 4:
		fill(pattern)
		return []string{fmt.Sprintf("write -f -P %d %d %d", pattern, at, size)}
	case op == 5:
		fill(0)
		return []string{fmt.Sprintf("write -z %d %d", at, size)}
	case op == 6:
		fill(0)
		return []string{fmt.Sprintf("write -z -u %d %d", at, size)}
	case op == 7:
		return []string{"flush"}
	default:
		return readAll(model, block, first, n)
	}
}

// readAll returns reads of n blocks from first, one for each run of equal blocks of the model.
func readAll(model []byte, block int64, first, n int) []string {
	var cmds []string
	for i := first; i < first+n; {
		j := i
		for j < first+n && model[j] == model[i] {
			j++
		}
		cmds = append(cmds, fmt.Sprintf("read -P %d %d %d", model[i], int64(i)*block, int64(j-i)*block))
		i = j
	}
	return cmds
}

// firstBad finds what qemu-io says of a command that failed or a pattern that does not fit; in a session on stdin its exit
// status does not tell.
func firstBad(out string) string {
	for _, line := range strings.Split(out, "\n") {
		if strings.Contains(line, "failed") || strings.Contains(line, "error") || strings.Contains(line, "not found") {
			return line
		}
	}
	return ""
}

func num(n int64) string { return fmt.Sprint(n) }
