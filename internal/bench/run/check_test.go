package run

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/bench/initiator"
	"github.com/ringtgt/ringtgt/internal/host"
)

const someURL = "iscsi://127.0.0.1/iqn.2026-11.io.ringtgt:disk0/3"

// Every error says which flag, its value, and what is allowed.
func TestCheckRefuses(t *testing.T) {
	for _, c := range []struct {
		name string
		o    Options
		want string
	}{
		{"kind", Options{RW: "trim"}, `--rw "trim": want read, write, randread, randwrite, rw, readwrite or randrw`},
		{"mix of one kind", Options{RW: "randread", ReadMix: 70}, "--rwmixread 70: it is for --rw rw and randrw, and this is randread"},
		{"mix", Options{RW: "rw", ReadMix: 100}, "--rwmixread 100: want 1 to 99"},
		{"block of no unit", Options{BlockSize: "4x"}, `--bs "4x": want a whole number with k, m, g or t`},
		{"block in thousands", Options{BlockSize: "4kB"}, `--bs "4kB": want a whole number`},
		{"block", Options{BlockSize: "100"}, `--bs "100": want a multiple of 512, at most 16m`},
		{"large block", Options{BlockSize: "32m"}, `--bs "32m": want a multiple of 512, at most 16m`},
		{"block twice", Options{BlockSize: "4k", BlockSplit: "4k/100"}, "--bs 4k and --bssplit 4k/100: want one of them"},
		{"split of 90", Options{BlockSplit: "4k/60:64k/30"}, `--bssplit "4k/60:64k/30": want SIZE/PERCENT:SIZE/PERCENT and so on, 100 percent together, such as 4k/60:64k/40: these are 90`},
		{"split of 110", Options{BlockSplit: "4k/60:64k/50:1k"}, "these are 110"},
		{"split of nothing", Options{BlockSplit: "4k/100:"}, `size "": want a whole number`},
		{"split's share", Options{BlockSplit: "4k/x:8k"}, `share "x"`},
		{"depth", Options{IODepth: 4097}, "--iodepth 4097: want 1 to 4096"},
		{"negative depth", Options{IODepth: -1}, "--iodepth -1: want 1 to 4096"},
		{"connections", Options{Connections: 65}, "--connections 65: want 1 to 64"},
		{"sessions", Options{Sessions: 1000, NumJobs: 100}, "--numjobs 100 with --sessions 1000: that makes 100000 sessions, want at most 65535"},
		{"all connections", Options{Sessions: 1000, Connections: 64}, "that makes 64000 connections, want at most 28000"},
		{"digests", Options{Digests: "crc32c"}, `--digests "crc32c": want none, header, data or both`},
		{"cores", Options{Cores: []int{8000}, Connections: 4}, "--cores: CPU 8000: this process may run on "},
		{"cores twice", Options{Cores: []int{host.CPUs()[0], host.CPUs()[0]}, Connections: 4}, "is listed twice"},
		{"more cores than connections", Options{Cores: host.CPUs()[:2:2]}, "2 CPUs for 1 connections, and a connection stays on one"},
		{"runtime", Options{Runtime: -time.Second}, "--runtime -1s: want 1ms to 168h0m0s"},
		{"ramp without a time", Options{RampTime: time.Second}, "--ramp-time 1s with --runtime 0: "},
		{"ramp", Options{Runtime: time.Second, RampTime: 1000 * time.Hour}, "--ramp-time 1000h0m0s: want 1ms to 168h0m0s"},
		{"interval", Options{Interval: time.Millisecond}, "--interval 1ms: want 10ms to"},
		{"rate", Options{Rate: -1}, "--rate -1: want 1 to 100000000 requests per second, or 0 for a closed loop"},
		{"rate of no number", Options{Rate: math.NaN()}, "--rate NaN: want 1 to"},
		{"poisson", Options{Poisson: true}, "--poisson: it needs a --rate"},
		{"size", Options{Size: "120%"}, `--size "120%": want 1% to 100%, or a whole number`},
		{"seed of what was written", Options{RW: "read", Verify: true}, "--verify with --rw read: it compares with what an earlier run wrote: want the --seed that this one shows"},
		{"process", Options{TargetPID: -2}, "--target-pid -2: want a process number, or -1 for none"},
		{"initiator", Options{Initiator: "host-7"}, `--initiator "host-7": a name begins with "iqn.", "eui." or "naa."`},
		{"user without secret", Options{URL: "iscsi://host-7@127.0.0.1"}, "there is no secret for host-7: want USER%SECRET, --chap-secret-file FILE or --chap-secret-env NAME"},
		{"secret without user", Options{CHAP: CHAP{SecretEnv: "PATH"}}, "a secret for CHAP and no USER"},
		{"both references", Options{CHAP: CHAP{SecretEnv: "PATH", SecretFile: "x"}}, "--chap-secret-file and --chap-secret-env: want one of them"},
		{"mutual without one way", Options{CHAP: CHAP{MutualSecretEnv: "PATH"}}, "only where the URL has a USER"},
		{"mutual without secret", Options{CHAP: CHAP{MutualUser: "storage-1"}}, "--mutual-chap-user storage-1: there is no secret"},
		{"URL", Options{URL: "127.0.0.1"}, "127.0.0.1: it does not begin with iscsi://: want iscsi://[USER[%SECRET]@]HOST[:PORT][/TARGET[/LUN]]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.name == "more cores than connections" && len(host.CPUs()) < 2 {
				t.Skip("this process may run on one CPU only")
			}
			if c.o.URL == "" {
				c.o.URL = someURL
			}
			_, err := c.o.check()
			usage := new(UsageError)
			if !errors.As(err, &usage) || len(usage.Problems) != 1 || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want one problem: %s", err, c.want)
			}
		})
	}
}

// All problems are said at once.
func TestCheckSaysAll(t *testing.T) {
	o := Options{URL: "nowhere", RW: "x", IODepth: -3}
	_, err := o.check()
	usage := new(UsageError)
	if !errors.As(err, &usage) || len(usage.Problems) != 3 || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("%v", err)
	}
}

// An option that is not given has fio's default; one that is given reaches the initiator and the record.
func TestCheckDefaults(t *testing.T) {
	o := Options{URL: someURL}
	p, err := o.check()
	if err != nil {
		t.Fatal(err)
	}
	w, r := &p.work, &p.record
	if w.ReadPercent != 100 || w.Sequential || w.BlockSize != 4096 || w.Depth != 0 || w.Seed != 1 || w.LUN != initiator.LUN(3) || p.all != 1 {
		t.Errorf("%+v", w)
	}
	if r.RW != "randread" || r.BlockSize != "4k" || r.IODepth != 1 || r.NumJobs != 1 || r.Sessions != 1 || r.Conns != 1 || r.Digests != "none" {
		t.Errorf("%+v", r)
	}
	o = Options{
		URL: someURL, RW: "readwrite", ReadMix: 70, BlockSplit: "1k:4k/50:64k", IODepth: 8, NumJobs: 2, Sessions: 3, Connections: 4, Digests: "data",
		Rate: 2500, Poisson: true, Runtime: time.Minute, RampTime: time.Second, Verify: true,
	}
	if p, err = o.check(); err != nil {
		t.Fatal(err)
	}
	w, r = &p.work, &p.record
	if !w.Sequential || w.ReadPercent != 70 || w.BlockSize != 64<<10 || w.Depth != 8 || w.Rate != 2500 || !w.Poisson || w.Duration != time.Minute || w.Warmup != time.Second {
		t.Errorf("%+v", w)
	}
	if !slices.Equal(w.Split, []initiator.Share{{Bytes: 1024, Percent: 25}, {Bytes: 4096, Percent: 50}, {Bytes: 65536, Percent: 25}}) {
		t.Errorf("%v", w.Split)
	}
	if r.RW != "rw" || r.BlockSize != "1k/25:4k/50:64k/25" || p.all != 6 || !p.keys.DataDigest || p.keys.HeaderDigest {
		t.Errorf("%+v, %d sessions, %+v", r, p.all, p.keys)
	}
	// A run that writes to verify has a seed that no earlier one had.
	if q, err := o.check(); err != nil || q.Seed == p.Seed || q.Seed < 2 {
		t.Errorf("seeds %d, %d, %v", p.Seed, q.Seed, err)
	}
	// The open loop's depth is the initiator's choice.
	o = Options{URL: someURL, Rate: 100}
	if p, err = o.check(); err != nil || p.work.Depth != 0 || p.record.IODepth != 0 {
		t.Errorf("%+v, %v", p.record, err)
	}
}

// No two sessions share an ISID, nor a run's with another's; jobs have names of their own, unless one is given.
func TestSessionsAreTheirOwn(t *testing.T) {
	o := Options{URL: someURL, NumJobs: 3, Sessions: 200}
	p, err := o.check()
	if err != nil {
		t.Fatal(err)
	}
	q, _ := o.check()
	seen, names := map[[6]byte]bool{}, map[string]int{}
	for _, c := range append(append(p.open(), q.open()...), p.session(probeSession)) {
		if seen[c.ISID] {
			t.Fatalf("ISID %x twice", c.ISID)
		}
		seen[c.ISID] = true
		names[c.InitiatorName]++
		if c.ISID[0]>>6 != 2 { // T: random (RFC 7143 11.12.5)
			t.Fatalf("ISID %x", c.ISID)
		}
	}
	if len(names) != 4 || names[initiatorName+".0"] != 400 || names[initiatorName] != 1 {
		t.Errorf("%v", names)
	}
	p.Initiator = "iqn.2026-11.com.example:me"
	if n := p.session(399).InitiatorName; n != p.Initiator {
		t.Errorf("%s", n)
	}
}

// Without a runtime the size is gone through once, by all connections together.
func TestCountOfSize(t *testing.T) {
	for _, c := range []struct {
		o    Options
		size int64
		want uint64
	}{
		{Options{BlockSize: "64k"}, 4 << 20, 64},
		{Options{BlockSize: "64k", Sessions: 2, Connections: 2}, 4 << 20, 16},
		{Options{BlockSize: "4k", Connections: 3}, 16 << 10, 2}, // 4 requests: what does not come out even is rounded up
		{Options{BlockSplit: "4k/50:12k/50"}, 80 << 10, 10},
		{Options{BlockSize: "1m", Connections: 8}, 1 << 20, 1},
	} {
		c.o.URL = someURL
		p, err := c.o.check()
		if err != nil {
			t.Fatal(err)
		}
		if got := p.count(c.size); got != c.want {
			t.Errorf("%+v of %d: %d requests a connection, want %d", c.o, c.size, got, c.want)
		}
	}
}

func TestPartOfTheLUN(t *testing.T) {
	for _, c := range []struct {
		size     string
		capacity uint64
		block    int
		want     int64 // 0: refused
	}{
		{"", 1 << 30, 4096, 1 << 30}, {"25%", 16 << 20, 65536, 4 << 20}, {"1m", 1 << 30, 4096, 1 << 20}, {"1m", 1 << 20, 3 << 19, 0},
		{"5000", 1 << 20, 512, 4608}, {"2m", 1 << 20, 512, 0}, {"1%", 4096, 512, 0}, {"100%", 12345 * 512, 4096, 12345 * 512 / 4096 * 4096},
		{"99%", 1 << 62, 512, (1<<62/100*99 + 1<<62%100*99/100) / 512 * 512},
	} {
		p, err := parsePart(c.size)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := p.of(c.capacity, c.block); got != c.want || (err != nil) != (c.want == 0) {
			t.Errorf("%q of %d: %d, %v, want %d", c.size, c.capacity, got, err, c.want)
		}
	}
}

func TestSizes(t *testing.T) {
	for s, want := range map[string]int64{
		"512": 512, "4k": 4096, "4K": 4096, "4KiB": 4096, "1m": 1 << 20, "3g": 3 << 30, "2T": 2 << 40, "0": 0,
		"": -1, "k": -1, "4kb": -1, "-4k": -1, "4.5k": -1, "9999999999999t": -1, "4 k": -1, "99999999999999999999": -1,
	} {
		if n, err := parseSize(s); err != nil && want >= 0 || err == nil && n != want {
			t.Errorf("%q: %d, %v, want %d", s, n, err, want)
		}
	}
	for n, want := range map[int64]string{512: "512", 4096: "4k", 6144: "6k", 1 << 20: "1m", 3 << 30: "3g", 1 << 40: "1t", 0: "0"} {
		if got := formatSize(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

// A secret comes from the URL, a file or the environment, and is in no error.
func TestSecrets(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	t.Setenv("RUN_TEST_SECRET", "of-the-environment")
	const user = "iscsi://host-7@127.0.0.1"
	for _, c := range []struct {
		url        string
		chap       CHAP
		want, fail string
	}{
		{"iscsi://host-7%of-the-url@127.0.0.1", CHAP{}, "of-the-url", ""},
		{"iscsi://host-7%with%and@and/in it@127.0.0.1", CHAP{}, "with%and@and/in it", ""},
		{user, CHAP{SecretEnv: "RUN_TEST_SECRET"}, "of-the-environment", ""},
		{user, CHAP{SecretFile: file("unix", "of-a-file\n")}, "of-a-file", ""},
		{user, CHAP{SecretFile: file("dos", "of-a-file\r\n")}, "of-a-file", ""},
		{user, CHAP{SecretFile: file("lines", "two\nlines\n")}, "two\nlines", ""},
		{user, CHAP{SecretFile: file("empty", "")}, "", "it is empty"},
		{user, CHAP{SecretFile: file("newline", "\n")}, "", "the secret of host-7 is empty"},
		{user, CHAP{SecretFile: file("long", strings.Repeat("x", 300))}, "", "a secret has at most 255 bytes"},
		{user, CHAP{SecretFile: dir + "/nowhere"}, "", "no such file or directory"},
		{user, CHAP{SecretEnv: "RUN_TEST_NOTHING"}, "", "--chap-secret-env RUN_TEST_NOTHING: there is no such environment variable"},
		{"iscsi://host-7%of-the-url@127.0.0.1", CHAP{SecretEnv: "RUN_TEST_SECRET"}, "", "want one"},
		{"iscsi://host-7%of-the-environment@127.0.0.1", CHAP{MutualSecretEnv: "RUN_TEST_SECRET"}, "", "either side could then answer"},
		{"iscsi://host-7%of-the-url@", CHAP{}, "", "there is no HOST"},
	} {
		o := Options{URL: c.url, CHAP: c.chap}
		p, err := o.check()
		switch {
		case c.fail == "":
			if err != nil || p.chap.Secret != c.want || p.chap.User != "host-7" {
				t.Errorf("%s: %v, want %q", c.url, err, c.want)
			}
		case err == nil || !strings.Contains(err.Error(), c.fail):
			t.Errorf("%s %+v: %v, want %s", c.url, c.chap, err, c.fail)
		case strings.Contains(err.Error(), "of-the-"):
			t.Errorf("the error has the secret: %v", err)
		}
	}
}
