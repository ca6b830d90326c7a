package clients_test

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/harness"
	"github.com/ringtgt/ringtgt/internal/must"
)

// What was written is there after SIGTERM and a new start, and the disk is the same disk: its identifiers do not change.
func TestRestartKeepsDataAndIdentity(t *testing.T) {
	needQemu(t)
	harness.Need(t, "iscsi-inq", pkgLibiscsi)
	for name, options := range map[string]string{"file": "", "thin": ",thin", "4k": ",bs=4096"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			o := harness.Options{LUNs: []string{"file:" + dir + "/lun.img:64M" + options}, State: filepath.Join(dir, "state")}
			image := randomFile(t, lunSize, 11)
			d := harness.StartT(t, o)
			run(t, "qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", image, d.URL(0))
			identity := run(t, "iscsi-inq", "-e", "1", "-c", "131", d.URL(0)) + run(t, "iscsi-inq", "-e", "1", "-c", "128", d.URL(0))
			for range 2 {
				must.OK(t, d.Terminate(0))
				d = harness.StartT(t, o)
				mustContain(t, run(t, "qemu-img", "compare", "-f", "raw", "-F", "raw", image, d.URL(0)), "Images are identical.")
				again := run(t, "iscsi-inq", "-e", "1", "-c", "131", d.URL(0)) + run(t, "iscsi-inq", "-e", "1", "-c", "128", d.URL(0))
				must.Be(t, again == identity, "the disk has another identity after the restart:\n%s\nbefore:\n%s", again, identity)
			}
		})
	}
}

// An idle session does not keep the daemon from ending: SIGTERM logs it out or drops it and exits 0.
func TestTerminateWithSessionsOpen(t *testing.T) {
	d := harness.StartT(t, harness.Options{LUNs: []string{"mem:64M"}})
	for i := range 3 {
		dialRaw(t, d.Addr()).login(loginRequest{isid: byte(i), target: d.Target()})
	}
	dialRaw(t, d.Addr()) // silent, before login
	check.OK(t, d.Terminate(10*time.Second))
}

var wrote = regexp.MustCompile(`wrote (\d+)/(\d+) bytes at offset (\d+)`)

// Writes that were acknowledged, synchronous ones (FUA) and those that a flush covers, are there after SIGKILL in the middle of
// more of them. One write was under way when the daemon died: its blocks may hold the old or the new pattern, nothing else.
func TestKillKeepsAcknowledgedWrites(t *testing.T) {
	needQemu(t)
	rounds := 5
	if testing.Short() {
		rounds = 2
	}
	for _, tt := range []struct {
		name, write, options string
		covered              func(line string, s *crashModel)
	}{
		{name: "FUA", write: "write -f", covered: func(line string, s *crashModel) {
			if wrote.MatchString(line) {
				s.acknowledge()
			}
		}},
		{name: "FUA-thin", write: "write -f", options: ",thin", covered: func(line string, s *crashModel) {
			if wrote.MatchString(line) {
				s.acknowledge()
			}
		}},
		{name: "flush", write: "write", covered: func(line string, s *crashModel) {
			// qemu-io prints nothing for flush; the read that follows it is answered only after it
			if strings.Contains(line, "read 512/512 bytes") {
				s.acknowledge()
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			seed := rand.Uint64()
			t.Logf("seed %#x", seed)
			rng := rand.New(rand.NewPCG(seed, 0))
			dir := t.TempDir()
			o := harness.Options{LUNs: []string{"file:" + dir + "/lun.img:64M" + tt.options}, State: filepath.Join(dir, "state")}
			s := newCrashModel()
			for round := range rounds {
				d := harness.StartT(t, o)
				qemuIO(t, d.URL(0), s.checks()...)
				killAmid(t, d, s, rng, tt.write, tt.covered)
				t.Logf("round %d: killed with %d writes acknowledged", round, s.acknowledged)
			}
			d := harness.StartT(t, o)
			out, err := tryQemuIO(t, d.URL(0), s.checks()...)
			if err != nil {
				t.Fatalf("seed %#x: an acknowledged write is gone: %v\n%s", seed, err, clip(out))
			}
		})
	}
}

// killAmid feeds writes to qemu-io one by one and kills the daemon while it works.
func killAmid(t *testing.T, d *harness.Daemon, s *crashModel, rng *rand.Rand, write string, covered func(string, *crashModel)) {
	t.Helper()
	// line-buffered, or an acknowledgement would stay in qemu-io's buffer
	cmd := exec.Command("stdbuf", "-oL", "qemu-io", "-f", "raw", "-t", "none", d.URL(0))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in := must.Get(cmd.StdinPipe())(t)
	out := must.Get(cmd.StdoutPipe())(t)
	must.OK(t, cmd.Start())
	defer func() {
		_ = cmd.Process.Kill() // it would try to reconnect for ever
		_ = cmd.Wait()
	}()
	plan := make([]string, 0, crashWrites)
	for range crashWrites {
		plan = append(plan, s.plan(rng, write))
	}
	go func() { // ends with the pipe, when qemu-io is killed
		for _, p := range plan {
			if _, err := io.WriteString(in, p); err != nil {
				return
			}
		}
	}()
	stopAfter := s.acknowledged + 1 + rng.IntN(crashWrites/2)
	lines := bufio.NewScanner(out)
	timer := time.AfterFunc(clientTime, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	for lines.Scan() {
		covered(lines.Text(), s)
		if s.acknowledged >= stopAfter {
			break
		}
	}
	must.Be(t, s.acknowledged >= stopAfter, "qemu-io ended after %d of %d writes", s.acknowledged, stopAfter)
	must.OK(t, d.Kill())
	// what was acknowledged before the daemon died may still be on its way to us
	drain := time.AfterFunc(300*time.Millisecond, func() { _ = cmd.Process.Kill() })
	defer drain.Stop()
	for lines.Scan() {
		covered(lines.Text(), s)
	}
	s.crashed()
}

// crashWrites is how many writes a round has in store; it is killed in their first half.
const crashWrites = 400

// crashModel knows which pattern each slot of 64 KiB of the LUN must hold. Slots are written one after the other.
type crashModel struct {
	sure         map[int]byte // slot: pattern of the last acknowledged write
	queue        []slotWrite  // planned, not acknowledged, in order
	unsure       map[int]bool // slots that unacknowledged writes may have reached
	acknowledged int
}

type slotWrite struct {
	slot    int
	pattern byte
}

const (
	crashSlot  = 64 << 10
	crashSlots = 512 // 32 MiB
)

func newCrashModel() *crashModel {
	return &crashModel{sure: map[int]byte{}, unsure: map[int]bool{}}
}

// plan returns the commands of one more write. With the read behind it a flush is known to have been answered.
func (s *crashModel) plan(rng *rand.Rand, write string) string {
	w := slotWrite{rng.IntN(crashSlots), byte(1 + rng.IntN(255))}
	s.queue = append(s.queue, w)
	cmd := fmt.Sprintf("%s -P %d %d %d\n", write, w.pattern, w.slot*crashSlot, crashSlot)
	if !strings.Contains(write, "-f") {
		cmd += "flush\nread " + strconv.Itoa(crashSlots*crashSlot) + " 512\n"
	}
	return cmd
}

// acknowledge takes the oldest planned write as done for good.
func (s *crashModel) acknowledge() {
	w := s.queue[0]
	s.queue = s.queue[1:]
	s.sure[w.slot] = w.pattern
	delete(s.unsure, w.slot)
	s.acknowledged++
}

// crashed forgets what was planned. qemu-io sends one command at a time, so at most the first of the queue reached the daemon.
func (s *crashModel) crashed() {
	if len(s.queue) > 0 {
		s.unsure[s.queue[0].slot] = true
	}
	s.queue = nil
}

// checks returns reads of every slot whose content is certain.
func (s *crashModel) checks() []string {
	cmds := []string{"read 0 512"}
	for slot, pattern := range s.sure {
		if !s.unsure[slot] {
			cmds = append(cmds, fmt.Sprintf("read -P %d %d %d", pattern, slot*crashSlot, crashSlot))
		}
	}
	return cmds
}
