package compare

import (
	"net/netip"
	"os"
	"slices"
	"time"

	"github.com/prometheus/procfs"

	"github.com/ringtgt/ringtgt/internal/bench/run"
	"github.com/ringtgt/ringtgt/internal/host"
)

// find returns the process that serves a URL, 0 if it is not on this machine.
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
	pid, _ := host.Listening(addr)
	return pid, nil
}

// watch is what was seen of the machine, by side.
type watch map[int]seen

// seen is a sum over a side's runs, in seconds or CPU-seconds.
type seen struct {
	Seconds float64 // the runs
	Steal   float64 // the hypervisor gave the CPUs in question to others
	Wanted  float64 // these CPUs ran, or would have without steal
	Watched float64 // CPUs times Seconds where it is known whose time it was
	Others  float64 // of these, what neither target nor client took
	Alone   bool    // Others is about the target's CPUs alone, else about the machine's
}

// snapshot is the beginning or end of a run.
type snapshot struct {
	at          time.Time
	cpu         map[int64]procfs.CPUStat // nil: not known
	target, own time.Duration            // CPU time of the target and of this process
	known       bool                     // these two
}

func look(pid int) snapshot {
	s := snapshot{at: time.Now()}
	if fs, err := procfs.NewDefaultFS(); err == nil {
		if stat, err := fs.Stat(); err == nil {
			s.cpu = stat.CPU
		}
	}
	if pid > 0 {
		var err, err2 error
		s.target, err = host.CPUTime(pid)
		s.own, err2 = host.CPUTime(os.Getpid())
		s.known = err == nil && err2 == nil
	}
	return s
}

// begin looks at the machine before a target pinned to cpus, if to any, is measured by a client on others, if on any, and returns the
// function to call afterwards. What cannot be seen is left out of the verdict.
func (w watch) begin(side, pid int, cpus, client []int) (end func()) {
	// Whose time a CPU's was is known where the target has it to itself.
	alone := len(cpus) > 0 && len(client) > 0 && !slices.ContainsFunc(client, func(cpu int) bool { return slices.Contains(cpus, cpu) })
	before := look(pid)
	return func() { w[side] = w[side].plus(before, look(pid), cpus, alone) }
}

// plus adds the time between two snapshots.
func (s seen) plus(before, after snapshot, cpus []int, alone bool) seen {
	seconds := after.at.Sub(before.at).Seconds()
	busy, count := 0.0, 0
	for cpu, a := range after.cpu {
		b, ok := before.cpu[cpu]
		if !ok {
			continue
		}
		ours := slices.Contains(cpus, int(cpu))
		steal, used := a.Steal-b.Steal, ran(a)-ran(b)
		if ours || len(cpus) == 0 {
			s.Steal += steal
			s.Wanted += steal + used
		}
		if ours || !alone {
			busy += used
			count++
		}
	}
	if before.known && after.known {
		others := busy - (after.target - before.target).Seconds()
		if !alone {
			others -= (after.own - before.own).Seconds()
		}
		s.Watched += seconds * float64(count)
		s.Others += max(0, others) // counted in ticks, so it may be negative
	}
	s.Seconds += seconds
	s.Alone = alone
	return s
}

// ran is the time that a CPU was in use. That of guests is in User and Nice (proc_stat(5)).
func ran(c procfs.CPUStat) float64 { return c.User + c.Nice + c.System + c.IRQ + c.SoftIRQ }
