package initiator

import (
	"os/exec"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/harness"
)

// clientRound is the length of a round, in whole seconds because iscsi-perf wants that.
const clientRound = 5 * time.Second

// BenchmarkClientCost compares what a request costs this initiator and iscsi-perf (libiscsi-bin): one connection, 4 KiB random reads,
// depth 32, a memory LUN, target on CPU 0, client on CPU 1, in turn. An operation is a round of both. It wants a quiet machine:
//
//	go test -run xxx -bench ClientCost -benchtime 3x -v ./bench/initiator
func BenchmarkClientCost(b *testing.B) {
	perf, taskset := harness.Need(b, "iscsi-perf", "libiscsi-bin"), harness.Need(b, "taskset", "util-linux")
	d := startDaemon(b, "", "--lun", "mem:256M", "--cores", "0")
	if out, err := exec.Command(taskset, "-apc", "0", strconv.Itoa(d.PID())).CombinedOutput(); err != nil {
		b.Fatalf("taskset: %v\n%s", err, out)
	}
	var average = regexp.MustCompile(`iops average (\d+)`)
	round := uint64(0)
	for b.Loop() {
		round++
		ls, err := NewLoops(b.Context(), LoopsConfig{Sessions: []Config{daemonConfig(d, 1)}, CPUs: []int{1}})
		if err != nil {
			b.Fatal(err)
		}
		r := mustRun(b, ls, Workload{ReadPercent: 100, Depth: 32, Duration: clientRound, Seed: round})
		ls.Close()
		ours := float64(r.Requests()) / r.CPUTime().Seconds()
		h := r.Latency()
		b.Logf("ours:       %7.0f IOPS, %7.0f per client CPU-second (user %v, system %v); p50 %v p99 %v p99.9 %v; %.1f PDUs a send, %.1f receives, %.2f enters a turn",
			r.IOPS(), ours, r.Loops[0].User.Round(time.Millisecond), r.Loops[0].System.Round(time.Millisecond), h.Quantile(0.5), h.Quantile(0.99), h.Quantile(0.999),
			float64(r.Loops[0].SentPDUs)/float64(r.Loops[0].Sends), float64(r.Loops[0].Receives)/float64(r.Loops[0].Turns), float64(r.Loops[0].Enters)/float64(r.Loops[0].Turns))

		cmd := exec.Command(taskset, "-c", "1", perf, "-r", "-b", "8", "-m", "32", "-t", strconv.Itoa(int(clientRound.Seconds())), "iscsi://"+d.Addr()+"/"+daemonTarget+"/0")
		out, err := cmd.CombinedOutput()
		if err != nil {
			b.Fatalf("iscsi-perf: %v\n%s", err, out)
		}
		all := average.FindAllSubmatch(out, -1)
		if all == nil {
			b.Fatalf("iscsi-perf says no average:\n%s", out)
		}
		iops, _ := strconv.ParseFloat(string(all[len(all)-1][1]), 64)
		ru := cmd.ProcessState.SysUsage().(*syscall.Rusage)
		spent := time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
		theirs := iops * clientRound.Seconds() / spent.Seconds()
		b.Logf("iscsi-perf: %7.0f IOPS, %7.0f per client CPU-second; ratio %.2f", iops, theirs, ours/theirs)
	}
}
