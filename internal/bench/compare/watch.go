package compare

import (
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ringtgt/ringtgt/internal/bench/run"
	"github.com/ringtgt/ringtgt/internal/host"
)

// find returns the process behind a URL, 0 where there is none to be found on this machine.
func (s *Side) find() (int, error) {
	if s.PID != 0 || s.URL == "" {
		return max(s.PID, 0), nil
	}
	u, err := run.ParseURL(s.URL)
	if err != nil {
		return 0, err
	}
	addr, err := netip.ParseAddrPort(u.Portal())
	if err != nil {
		return 0, nil // a name: run.Do resolves it, and finds the process if it is here
	}
	pid, err := host.Listening(addr)
	if err != nil {
		return 0, nil
	}
	return pid, nil
}

// watch is what was seen of the machine during each side's runs.
type watch struct{ seen []seen }

// seen is one run.
type seen struct {
	side int
	// Seconds is how long, Steal and Wanted the time that the CPUs in question lost to the hypervisor and that they ran or would have,
	// Others what neither target nor client took of Watched CPU-seconds: all in CPU-seconds. Watched is 0 where that is not known.
	Seconds, Steal, Wanted, Others, Watched float64
	Alone                                   bool // Others is about the target's CPUs alone, else about the machine's
}

// snapshot is the beginning of a run.
type snapshot struct {
	at          time.Time
	pid         int
	cpus        []int // the target's
	alone       bool  // the client does not run there
	stat        map[int]cpuStat
	target, own time.Duration // processor time of the target and of this process
	ok          bool          // these two are known
}

// begin looks at the machine before a target that is bound to cpus, if to any, is measured by a client on others, if on any; what
// cannot be seen is left out of the verdict.
func (w *watch) begin(pid int, cpus, client []int) snapshot {
	s := look(pid, cpus)
	// Whose a CPU was can be told where the target has it alone.
	s.alone = len(cpus) > 0 && len(client) > 0 && !slices.ContainsFunc(client, func(cpu int) bool { return slices.Contains(cpus, cpu) })
	return s
}

func look(pid int, cpus []int) snapshot {
	s := snapshot{at: time.Now(), pid: pid, cpus: cpus}
	s.stat, _ = readStat()
	if pid > 0 {
		var err, err2 error
		s.target, err = host.CPUTime(pid)
		s.own, err2 = host.CPUTime(os.Getpid())
		s.ok = err == nil && err2 == nil
	}
	return s
}

func (w *watch) end(side int, b snapshot) {
	e := look(b.pid, b.cpus)
	s := seen{side: side, Seconds: e.at.Sub(b.at).Seconds(), Alone: b.alone}
	busy, count := 0.0, 0
	for cpu, after := range e.stat {
		before, ok := b.stat[cpu]
		if !ok {
			continue
		}
		steal, used := after.steal-before.steal, after.busy-before.busy
		if len(b.cpus) == 0 || slices.Contains(b.cpus, cpu) {
			s.Steal += steal
			s.Wanted += steal + used
		}
		if !s.Alone || slices.Contains(b.cpus, cpu) {
			busy += used
			count++
		}
	}
	if b.ok && e.ok {
		s.Watched = s.Seconds * float64(count)
		s.Others = busy - (e.target - b.target).Seconds()
		if !s.Alone {
			s.Others -= (e.own - b.own).Seconds()
		}
		s.Others = max(0, s.Others) // by ticks, so it may be less than nothing
	}
	w.seen = append(w.seen, s)
}

// cpuStat is a CPU's line of /proc/stat (proc_stat(5)), in seconds.
type cpuStat struct{ busy, steal float64 }

// userHZ is the unit of /proc/stat, the same on every Linux that Go runs on.
const userHZ = 100

func readStat() (map[int]cpuStat, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return nil, err
	}
	return parseStat(string(text)), nil
}

// parseStat reads the lines of single CPUs: user nice system idle iowait irq softirq steal guest guest_nice. The guests' time is in user
// and nice already.
func parseStat(text string) map[int]cpuStat {
	all := map[int]cpuStat{}
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 9 || !strings.HasPrefix(f[0], "cpu") {
			continue
		}
		cpu, err := strconv.Atoi(f[0][3:])
		if err != nil {
			continue // "cpu": the sum
		}
		var s cpuStat
		for i, field := range f[1:9] {
			v, err := strconv.ParseUint(field, 10, 64)
			if err != nil {
				break
			}
			switch seconds := float64(v) / userHZ; i {
			case 3, 4: // idle, iowait
			case 7:
				s.steal = seconds
			default:
				s.busy += seconds
			}
		}
		all[cpu] = s
	}
	return all
}
