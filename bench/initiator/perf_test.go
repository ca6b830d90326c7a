package initiator

import (
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/harness"
)

// TestClientCost compares what a request costs this initiator and iscsi-perf (libiscsi-bin): one connection, 4 KiB random reads, depth 32,
// a memory LUN, target on CPU 0, client on CPU 1, in turn. It takes a while and a quiet machine, so it runs only when asked for:
//
//	RINGTGT_CLIENT_COST=5s go test -run TestClientCost -v ./bench/initiator
func TestClientCost(t *testing.T) {
	length, err := time.ParseDuration(os.Getenv("RINGTGT_CLIENT_COST"))
	if err != nil {
		t.Skip("set RINGTGT_CLIENT_COST to the length of a round, such as 5s")
	}
	perf, taskset := harness.Need(t, "iscsi-perf", "libiscsi-bin"), harness.Need(t, "taskset", "util-linux")
	d := startDaemon(t, "", "--lun", "mem:256M", "--cores", "0")
	if out, err := exec.Command(taskset, "-apc", "0", strconv.Itoa(d.PID())).CombinedOutput(); err != nil {
		t.Fatalf("taskset: %v\n%s", err, out)
	}
	var average = regexp.MustCompile(`iops average (\d+)`)
	for round := range 3 {
		ls, err := NewLoops(t.Context(), LoopsConfig{Sessions: []Config{daemonConfig(d, 1)}, CPUs: []int{1}})
		if err != nil {
			t.Fatal(err)
		}
		r := mustRun(t, ls, Workload{ReadPercent: 100, Depth: 32, Duration: length, Seed: uint64(round)})
		ls.Close()
		ours := float64(r.Requests()) / r.CPUTime().Seconds()
		h := r.Latency()
		t.Logf("ours:       %7.0f IOPS, %7.0f per client CPU-second (user %v, system %v); p50 %v p99 %v p99.9 %v; %.1f PDUs a send, %.1f receives, %.2f enters a turn",
			r.IOPS(), ours, r.Loops[0].User.Round(time.Millisecond), r.Loops[0].System.Round(time.Millisecond), h.Quantile(0.5), h.Quantile(0.99), h.Quantile(0.999),
			float64(r.Loops[0].SentPDUs)/float64(r.Loops[0].Sends), float64(r.Loops[0].Receives)/float64(r.Loops[0].Turns), float64(r.Loops[0].Enters)/float64(r.Loops[0].Turns))

		cmd := exec.Command(taskset, "-c", "1", perf, "-r", "-b", "8", "-m", "32", "-t", strconv.Itoa(int(length.Seconds())), "iscsi://"+d.Addr()+"/"+daemonTarget+"/0")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("iscsi-perf: %v\n%s", err, out)
		}
		all := average.FindAllSubmatch(out, -1)
		if all == nil {
			t.Fatalf("iscsi-perf says no average:\n%s", out)
		}
		iops, _ := strconv.ParseFloat(string(all[len(all)-1][1]), 64)
		ru := cmd.ProcessState.SysUsage().(*syscall.Rusage)
		spent := time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
		theirs := iops * length.Seconds() / spent.Seconds()
		t.Logf("iscsi-perf: %7.0f IOPS, %7.0f per client CPU-second; ratio %.2f", iops, theirs, ours/theirs)
	}
}
