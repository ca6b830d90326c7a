package peer

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/bench/initiator"
	"github.com/ringtgt/ringtgt/internal/bench/run"
	"github.com/ringtgt/ringtgt/internal/host"
	"golang.org/x/sys/unix"
)

// Each peer serves its LUN to an initiator: size, data, CPUs and name are what was asked for, and Stop ends it.
func TestPeersServe(t *testing.T) {
	cpu := host.CPUs()[0]
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			o := need(t, name)
			o.CPUs = []int{cpu}
			t.Setenv("TMPDIR", t.TempDir())
			p := start(t, name, o)
			if want := "iscsi://" + p.Portal + "/" + p.IQN + "/" + strconv.Itoa(p.Unit); p.URL != want {
				t.Errorf("URL %s, want %s", p.URL, want)
			}
			if strings.HasSuffix(p.Portal, ":3260") {
				t.Error("the default port is not a benchmark's")
			}
			if !strings.Contains(p.Software, " ") || !strings.HasPrefix(p.Software, map[string]string{Tgt: "tgtd ", Ringtgt: "ringtgt "}[name]) {
				t.Errorf("software %q", p.Software)
			}
			bound(t, p.PID, cpu)
			blocks, size := roundTrip(t, p)
			if blocks*uint64(size) != 16<<20 {
				t.Errorf("%d blocks of %d", blocks, size)
			}
			if err := p.Alive(); err != nil {
				t.Error(err)
			}
			if left := workDirs(t); len(left) > 0 {
				t.Errorf("directories %v", left)
			}
			if err := p.Stop(); err != nil {
				t.Error(err)
			}
			if err := p.Stop(); err != nil {
				t.Error("a second Stop:", err)
			}
			gone(t, p.PID, p.Portal)
			if p.Alive() == nil {
				t.Error("alive after Stop")
			}
		})
	}
}

// A file LUN is opened with O_DIRECT, stays as long as it is, and belongs to the caller.
func TestPeersServeFiles(t *testing.T) {
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			o := need(t, name)
			path := filepath.Join(t.TempDir(), "disk")
			if err := os.WriteFile(path, bytes.Repeat([]byte{0x5a}, 4<<20), 0o600); err != nil {
				t.Fatal(err)
			}
			o.LUN = LUN{File: path}
			t.Setenv("TMPDIR", t.TempDir())
			p := start(t, name, o)
			if flags := openFlags(t, p.PID, path); flags&unix.O_DIRECT == 0 {
				t.Errorf("open flags %#o have no O_DIRECT (%#o)", flags, unix.O_DIRECT)
			}
			roundTrip(t, p)
			if err := p.Stop(); err != nil {
				t.Error(err)
			}
			if left := workDirs(t); len(left) > 0 {
				t.Errorf("directories %v", left)
			}
			if st, err := os.Stat(path); err != nil || st.Size() != 4<<20 {
				t.Errorf("the file afterwards: %v, %v", st, err)
			}
		})
	}
}

// What an initiator offers of digests is what it gets, and both targets take 256 KiB in one PDU: the settings of the comparison.
func TestPeersNegotiate(t *testing.T) {
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			p := start(t, name, need(t, name))
			for i, digests := range []bool{false, true} {
				cfg := p.Session(i)
				cfg.Keys.HeaderDigest, cfg.Keys.DataDigest = digests, digests
				s, err := initiator.Dial(t.Context(), cfg)
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				got := s.Params().Conn
				if got.HeaderDigest != digests || got.DataDigest != digests {
					t.Errorf("digests %v were offered, header %v and data %v negotiated", digests, got.HeaderDigest, got.DataDigest)
				}
				if got.MaxSendDataSegmentLength < tgtSegment {
					t.Errorf("it takes %d bytes in a PDU", got.MaxSendDataSegmentLength)
				}
				if err := s.Ready(t.Context(), 0, initiator.LUN(p.Unit)); err != nil {
					t.Error(err)
				}
				if err := s.Logout(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// Fill leaves no block unwritten.
func TestFill(t *testing.T) {
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			p := start(t, name, need(t, name))
			if err := run.Fill(t.Context(), p.URL); err != nil {
				t.Fatal(err)
			}
			s := dial(t, p)
			blocks, size, err := s.Capacity(t.Context(), 0, initiator.LUN(p.Unit))
			if err != nil {
				t.Fatal(err)
			}
			const step = 1 << 20
			buf, zero := make([]byte, step), make([]byte, size)
			for lba := uint64(0); lba < blocks; lba += step / uint64(size) {
				if err := s.Read(t.Context(), 0, initiator.LUN(p.Unit), lba, step/size, buf); err != nil {
					t.Fatal(err)
				}
				for i := 0; i < len(buf); i += int(size) {
					if bytes.Equal(buf[i:i+int(size)], zero) {
						t.Fatalf("block %d is still zero", lba+uint64(i)/uint64(size))
					}
				}
			}
		})
	}
}

// Two peers of a kind at once have nothing in common.
func TestPeersSideBySide(t *testing.T) {
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			o := need(t, name)
			a, b := start(t, name, o), start(t, name, o)
			if a.Portal == b.Portal || a.PID == b.PID {
				t.Fatalf("%s %d and %s %d", a.Portal, a.PID, b.Portal, b.PID)
			}
			roundTrip(t, a)
			if err := a.Stop(); err != nil {
				t.Error(err)
			}
			roundTrip(t, b)
		})
	}
}

func TestStartRefuses(t *testing.T) {
	memory := LUN{Memory: 1 << 20}
	for _, c := range []struct {
		name, peer string
		o          Options
		missing    bool
		says       string
	}{
		{"no LUN", Tgt, Options{}, false, "either in memory or a file"},
		{"two LUNs", Tgt, Options{LUN: LUN{Memory: 512, File: "x"}}, false, "either in memory or a file"},
		{"half a block", Tgt, Options{LUN: LUN{Memory: 1000}}, false, "blocks of 512"},
		{"negative", Tgt, Options{LUN: LUN{Memory: -512}}, false, "blocks of 512"},
		{"no such CPU", Tgt, Options{LUN: memory, CPUs: []int{1 << 12}}, false, "CPUs [4096]"},
		{"unknown", "istgt", Options{LUN: memory}, false, "ringtgt"},
		{"SPDK", SPDK, Options{LUN: memory}, true, "hugepages"},
		{"LIO", LIO, Options{LUN: memory}, true, "targetcli"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := Start(t.Context(), c.peer, c.o)
			if err == nil {
				p.Stop()
				t.Fatal("it started")
			}
			if errors.Is(err, ErrMissing) != c.missing || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v; want %q, missing %v", err, c.says, c.missing)
			}
		})
	}
}

// A target that does not start says why, and nothing of it stays.
func TestStartFails(t *testing.T) {
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			o := need(t, name)
			o.LUN = LUN{File: filepath.Join(t.TempDir(), "is-not-there", "disk")}
			t.Setenv("TMPDIR", t.TempDir())
			p, err := Start(t.Context(), name, o)
			if err == nil {
				p.Stop()
				t.Fatal("it started without a disk")
			}
			if name == Ringtgt && !strings.Contains(err.Error(), "is-not-there") {
				t.Errorf("%v does not name the file", err)
			}
			if left := workDirs(t); len(left) > 0 {
				t.Errorf("directories %v", left)
			}
		})
	}
}

func TestStartEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			p, err := Start(ctx, name, need(t, name))
			if err == nil {
				p.Stop()
				t.Fatal("it started")
			}
			if !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
}

// bound reports threads that may run elsewhere.
func bound(t *testing.T, pid, cpu int) {
	t.Helper()
	tasks, err := os.ReadDir("/proc/" + strconv.Itoa(pid) + "/task")
	if err != nil || len(tasks) == 0 {
		t.Fatal(err)
	}
	for _, task := range tasks {
		tid, _ := strconv.Atoi(task.Name())
		var set unix.CPUSet
		if err := unix.SchedGetaffinity(tid, &set); err == nil && (set.Count() != 1 || !set.IsSet(cpu)) {
			t.Errorf("thread %d may run on %d CPUs", tid, set.Count())
		}
	}
}

func dial(t *testing.T, p *Target) *initiator.Session {
	t.Helper()
	s, err := initiator.Dial(t.Context(), p.Session(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = s.Logout(context.Background()) // a session that is cut off keeps a target from its end
		s.Close()
	})
	if err := s.Ready(t.Context(), 0, initiator.LUN(p.Unit)); err != nil {
		t.Fatal(err)
	}
	return s
}

// roundTrip writes, reads and logs out.
func roundTrip(t *testing.T, p *Target) (blocks uint64, size uint32) {
	t.Helper()
	s := dial(t, p)
	lun := initiator.LUN(p.Unit)
	blocks, size, err := s.Capacity(t.Context(), 0, lun)
	if err != nil {
		t.Fatal(err)
	}
	data := bytes.Repeat([]byte("ringtgt!"), 16<<10/8)
	got := make([]byte, len(data))
	if err := s.Write(t.Context(), 0, lun, 64, uint32(len(data))/size, data); err != nil {
		t.Fatal(err)
	}
	if err := s.Read(t.Context(), 0, lun, 64, uint32(len(data))/size, got); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, data) {
		t.Error("what was written does not come back")
	}
	if err := s.Logout(t.Context()); err != nil {
		t.Error(err)
	}
	return blocks, size
}

// gone checks that neither the process nor its portal are left. io_uring gives back the listening socket of a process that was
// killed a little after its end, from a work queue of the kernel.
func gone(t *testing.T, pid int, portal string) {
	t.Helper()
	if host.Name(pid) != "" && !zombie(pid) {
		t.Errorf("process %d (%s) still runs", pid, host.Name(pid))
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); ; <-tick.C {
		conn, err := net.Dial("tcp", portal)
		if err != nil {
			return
		}
		conn.Close()
		if time.Now().After(deadline) {
			t.Fatalf("somebody listens at %s", portal)
		}
	}
}

// openFlags returns the flags of a process's descriptor of a file (proc_pid_fdinfo(5)).
func openFlags(t *testing.T, pid int, path string) int {
	t.Helper()
	base := "/proc/" + strconv.Itoa(pid)
	fds, err := os.ReadDir(base + "/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		if link, _ := os.Readlink(base + "/fd/" + fd.Name()); link != path {
			continue
		}
		info, err := os.ReadFile(base + "/fdinfo/" + fd.Name())
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(info)) {
			if rest, ok := strings.CutPrefix(line, "flags:"); ok {
				flags, err := strconv.ParseInt(strings.TrimSpace(rest), 8, 64)
				if err != nil {
					t.Fatal(err)
				}
				return int(flags)
			}
		}
	}
	t.Fatalf("process %d does not have %s open", pid, path)
	return 0
}

func workDirs(t *testing.T) []string {
	t.Helper()
	dirs, err := filepath.Glob(filepath.Join(os.TempDir(), dirPattern))
	if err != nil {
		t.Fatal(err)
	}
	return dirs
}
