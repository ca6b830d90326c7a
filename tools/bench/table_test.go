package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ringtgt/ringtgt/internal/bench/result"
	"github.com/ringtgt/ringtgt/internal/bench/run"
)

func TestRequirements(t *testing.T) {
	for _, c := range []struct {
		r    Requirement
		v    float64
		met  bool
		text string
	}{
		{Requirement{Value: 5.5, Unit: "x"}, 5.5, true, "at least 5.50"},
		{Requirement{Value: 5.5, Unit: "x"}, 5.49, false, "at least 5.50"},
		{Requirement{Value: 1.25, Unit: "x", AtMost: true}, 1.25, true, "at most 1.25"},
		{Requirement{Value: 1.25, Unit: "x", AtMost: true}, 1.26, false, "at most 1.25"},
		{Requirement{Value: idleZero, Unit: "%", AtMost: true}, 0, true, "at most 0.05%"},
		{Requirement{Value: idleZero, Unit: "%", AtMost: true}, 0.01, false, "at most 0.05%"},
		{Requirement{Value: 64 << 10, Unit: "KiB", AtMost: true}, 20000, true, "at most 64.0 KiB"},
		{Requirement{Value: 64 << 10, Unit: "KiB", AtMost: true}, 70000, false, "at most 64.0 KiB"},
	} {
		if c.r.met(c.v) != c.met || c.r.String() != c.text {
			t.Errorf("%v: %v of %q, want %v of %q", c.v, c.r.met(c.v), c.r, c.met, c.text)
		}
	}
}

// The requirements are those that the project is held to: who changes one has to change this list.
func TestRequiredFigures(t *testing.T) {
	var got []string
	for _, r := range rows(10, 1000) {
		for _, p := range r.parts {
			if p.required != (Requirement{}) {
				got = append(got, fmt.Sprint(r.id, " ", p.figure, " ", p.required))
			}
			if p.limit != (Requirement{}) {
				got = append(got, fmt.Sprint(r.id, " limit ", p.limit))
			}
			if p.tail {
				got = append(got, r.id+" tail")
			}
			if p.idle {
				got = append(got, r.id+" idle")
			}
		}
	}
	want := []string{
		"randread IOPS per target CPU-second at least 5.50", "randread limit at least 0.95", "randread tail", "randwrite IOPS per target CPU-second at least 3.20", "randwrite tail",
		"read bytes per target CPU-second at least 4.20", "read tail", "write bytes per target CPU-second at least 3.00", "write tail",
		"depth1 p50 at most 1.25", "depth1 idle", "depth1 tail", "digests IOPS per target CPU-second at least 5.00", "digests tail",
		"file IOPS at least 0.85", "file tail", "file-write IOPS at least 0.85", "file-write tail", "sessions IOPS per target CPU-second at least 0.85",
		"4x8 IOPS per target CPU-second at least 0.95", "4x32 IOPS per target CPU-second at least 0.95",
	}
	if !slices.Equal(got, want) {
		t.Errorf("requirements\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if fewSessions != 10 || manySessions != 1000 || tailRequired != (Requirement{AtMost: true, Value: 1, Unit: "x"}) {
		t.Error("10 and 1,000 sessions, and tails no worse than tgt's")
	}
}

// A row says what is required, what was measured and whether that is enough, by the median; a row without figures says why.
func TestWrite(t *testing.T) {
	table := &Table{Host: result.Host{CPU: "a CPU", Kernel: "6.1", CPUs: 4}, Target: []int{0}, Client: []int{1}, Rounds: 5, Runtime: "600ms"}
	good, bad := Row{ID: "a", Load: "load A"}, Row{ID: "b", Load: "load B", Noise: []string{"a neighbour\x1b[31m"}}
	good.figure("ratio", Requirement{Value: 2, Unit: "x"}, result.Spread{Median: 2.5, Low: 1.5, High: 3})
	good.Figures[0].Limit = &result.Spread{Median: 0.75, Low: 0.5, High: 1}
	good.figure("memory", Requirement{Value: 1024, Unit: "KiB", AtMost: true}, result.Spread{Median: 512, Low: 512, High: 512})
	good.detail("%d things", 3)
	bad.figure("ratio", Requirement{Value: 2, Unit: "x"}, result.Spread{Median: 1.5, Low: 1, High: 3})
	table.Rows = []Row{good, bad, {ID: "c", Load: "load C", Missing: "tgtd is not on this machine"}}
	var b bytes.Buffer
	if err := table.write(&b); err != nil {
		t.Fatal(err)
	}
	want := `a CPU, kernel 6.1, 4 CPUs, load average 0.00; target on CPU 0, client on CPU 1; medians of 5 rounds of 600ms (lowest to highest)

| load   | figure | required        | measured                      | met        | of the limit        |
|--------|--------|-----------------|-------------------------------|------------|---------------------|
| load A | ratio  | at least 2.00   | 2.50 (1.50 to 3.00)           | yes        | 0.75 (0.50 to 1.00) |
|        | memory | at most 1.0 KiB | 0.5 KiB (0.5 KiB to 0.5 KiB)  | yes        |                     |
| load B | ratio  | at least 2.00   | 1.50 (1.00 to 3.00)           | no (noisy) |                     |
| load C | not measured: tgtd is not on this machine |                 |                               |            |                     |

load A
  3 things

load B
  NOISY: a neighbour?[31m
`
	// Widths are the longest cells'.
	squeeze := func(s string) string {
		var lines []string
		for line := range strings.Lines(s) {
			if strings.HasPrefix(line, "|-") {
				continue
			}
			lines = append(lines, strings.Join(strings.Fields(line), " "))
		}
		return strings.Join(lines, "\n")
	}
	if squeeze(b.String()) != squeeze(want) {
		t.Errorf("%s\nwant\n%s", &b, want)
	}
	if got := table.incomplete(); !slices.Equal(got, []string{"c"}) {
		t.Errorf("not measured: %v", got)
	}
}

func TestCommand(t *testing.T) {
	for _, c := range []struct {
		args   string
		code   int
		stdout string
		stderr string
	}{
		{"-list", exitDone, "randread", ""},
		{"-h", exitDone, "", "interleaved rounds"},
		{"-row nothing", exitUsage, "", `there is no row "nothing"`},
		{"-list", exitDone, "mcs-file", ""},
		{"-client nobody", exitUsage, "", "-client is"},
		{"-rounds 0", exitUsage, "", "-rounds is 1 to"},
		{"-runtime 0s", exitUsage, "", "-runtime is"},
		{"-runtime 2h", exitUsage, "", "-runtime is"},
		{"-what", exitUsage, "", "not defined"},
		{"extra", exitUsage, "", `unexpected argument "extra"`},
	} {
		var out, errs bytes.Buffer
		code := command(t.Context(), append([]string{"bench"}, strings.Fields(c.args)...), &out, &errs)
		if code != c.code || !strings.Contains(out.String(), c.stdout) || !strings.Contains(errs.String(), c.stderr) {
			t.Errorf("%s: %d, want %d\n%s%s", c.args, code, c.code, &out, &errs)
		}
	}
	// A benchmark that could not be carried out is an error; figures are none.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, errs bytes.Buffer
	if code := command(ctx, []string{"bench", "-row", "depth1,file", "-binary", "/is/not/there"}, &out, &errs); code != exitIncomplete || !strings.Contains(errs.String(), "not measured: depth1, file") {
		t.Errorf("%d\n%s%s", code, &out, &errs)
	}
}

// Rows are chosen by name or by group; without a name they are the requirements.
func TestChoose(t *testing.T) {
	for names, want := range map[string]string{
		"": "randread,randwrite,read,write,depth1,digests,file,file-write,sessions,4x8,4x32", "limit": "limit-mixed,limit-write-digests,limit-depth4,limit-4x8-write,limit-64k", "mcs": "mcs-read,mcs-write,mcs-mixed,mcs-read64k",
		"file, mcs-file": "file,mcs-file", "mcs-write,read": "mcs-write,read",
	} {
		chosen, err := choose(names)
		var got []string
		for _, r := range chosen {
			got = append(got, r.id)
		}
		if err != nil || strings.Join(got, ",") != want {
			t.Errorf("%q: %q, %v", names, got, err)
		}
	}
}

// A run that was to have digests and had none is no measurement of digests.
func TestDigestsHaveToBeNegotiated(t *testing.T) {
	comparison := func(header, data string) *result.Comparison {
		r := result.Run{Target: result.Target{Negotiated: map[string]string{"HeaderDigest": header, "DataDigest": data}}}
		return &result.Comparison{Sides: []result.Side{{Name: "tgt", Runs: []result.Run{r}}}}
	}
	for _, c := range []struct {
		header, data, asked string
		ok                  bool
	}{
		{"CRC32C", "CRC32C", "both", true},
		{"None", "CRC32C", "both", false},
		{"CRC32C", "None", "both", false},
		{"", "", "both", false},
		{"None", "None", "", true},
	} {
		if err := negotiated(comparison(c.header, c.data), run.Options{Digests: c.asked}); (err == nil) != c.ok {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestParseFio(t *testing.T) {
	for _, c := range []struct {
		text string
		want float64
		says string
	}{
		{`{"jobs":[{"error":0,"read":{"iops":54321.5,"total_ios":100}}]}`, 54321.5, ""},
		{"fio: a warning\n" + `{"jobs":[{"error":0,"read":{"iops":1}}]}`, 1, ""},
		{`{"jobs":[{"error":5,"read":{"iops":1}}]}`, 0, "failed"},
		{`{"jobs":[]}`, 0, "failed"},
		{`{"jobs":[{"error":0,"read":{"iops":0}}]}`, 0, "no request was answered"},
		{"cannot open", 0, "cannot open"},
		{`{"jobs":`, 0, "fio:"},
	} {
		got := 0.0
		r, err := parseFio([]byte(c.text))
		if r != nil {
			got = r.Total.IOPS
		}
		if got != c.want || (err != nil) != (c.says != "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, %v", c.text, got, err)
		}
	}
}

// A socket is counted.
func TestTCPMemory(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if sockets, bytes, err := tcpMemory(); err != nil || sockets < 1 || bytes < 0 {
		t.Error(sockets, bytes, err)
	}
}

// The file is as long as asked for, has no holes and no zeroes; a directory in memory is refused.
func TestLayOut(t *testing.T) {
	path, err := layOut(t.Context(), disk(t), fileBlock+8192)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil || len(data) != fileBlock+8192 {
		t.Fatal(len(data), err)
	}
	seen := map[string]bool{}
	for at := 0; at < len(data); at += 4096 {
		b := string(data[at : at+4096])
		if seen[b] || bytes.Count(data[at:at+4096], []byte{0}) > 100 {
			t.Fatalf("the block at %d is no data", at)
		}
		seen[b] = true
	}
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil || st.Blocks*512 < int64(len(data)) {
		t.Errorf("%d bytes on the disk of %d: %v", st.Blocks*512, len(data), err)
	}
	os.Remove(path)
	var fs unix.Statfs_t
	if unix.Statfs("/dev/shm", &fs) != nil || fs.Type != unix.TMPFS_MAGIC {
		t.Log("no tmpfs at /dev/shm: not tried")
	} else if _, err := layOut(t.Context(), "/dev/shm", 4096); err == nil || !strings.Contains(err.Error(), "-dir") {
		t.Errorf("in memory: %v", err)
	}
	if _, err := layOut(t.Context(), filepath.Join(t.TempDir(), "no"), 4096); err == nil {
		t.Error("in no directory")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := disk(t)
	if _, err := layOut(ctx, dir, 4096); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("%v is left", left)
	}
}

func TestFiles(t *testing.T) {
	if err := files(10); err != nil {
		t.Error(err)
	}
	if err := files(1 << 40); err == nil || !strings.Contains(err.Error(), "ulimit -n") {
		t.Errorf("more than a kernel can have: %v", err)
	}
}
