// Package run runs a benchmark: it checks the options, makes the sessions, drives them, measures the CPU time of a target on this
// machine, and returns a result.Run.
package run

import (
	"strings"
	"time"

	"github.com/ringtgt/ringtgt/internal/bench/result"
)

// Options are those of `ringtgt bench`, parsed but not checked: only Options.check, which Do calls, does that.
type Options struct {
	URL     string   // iscsi://[USER[%SECRET]@]HOST[:PORT][/TARGET[/LUN]]; without TARGET: the only target of the portal
	CHAP    CHAP     // secrets by reference
	Command []string // for the record; Redact takes secrets out
	Version string   // of this program, for the record

	RW                string        // fio's: read, write, randread, randwrite, rw (or readwrite), randrw; "" is randread
	ReadMix           int           // percentage of reads in rw and randrw; 0 is 50
	BlockSize         string        // "4k"; "" is 4k
	BlockSplit        string        // fio's bssplit "4k/60:64k/40"; excludes BlockSize
	IODepth           int           // per connection; 0 is 1 in a closed loop, unlimited in an open one
	NumJobs           int           // 0 is 1
	Sessions          int           // per job; 0 is 1
	Connections       int           // per session; 0 is 1
	Digests           string        // "", none, header, data, both
	Initiator         string        // its name; "": a default, with a number for each job
	Cores             []int         // CPUs of the client's threads; empty: one thread, not pinned
	Poll              time.Duration // how long the client's threads poll for answers before they sleep; 0: not at all
	Runtime, RampTime time.Duration
	Rate              float64 // requests per second over all connections; 0: closed loop
	Poisson           bool    // requests are due at random times, as from many independent clients; needs Rate
	Size              string  // part of the LUN in use from its start, "1g" or "20%"; "" is all
	Verify            bool
	Overwrite         bool // write to a LUN that has a signature of data
	// Seed determines addresses and data. 0 is 1; with Verify and a load that writes, a fresh one, so that data of an
	// earlier run does not pass for this one's.
	Seed uint64

	// TargetPID is the process to measure; 0: the one that listens at the URL's portal, if it is on this machine; -1: none.
	TargetPID int
	// Idle is how long to measure the target's idle CPU share before the run, with all sessions logged in; 0: not at all.
	Idle time.Duration
	// Load is the load averages before the first of several runs: later ones would see the load of those before; nil: the current ones.
	Load *[3]float64
	// Interval is the length of the intervals in the result's series; 0: half a second, less for a short Runtime.
	Interval time.Duration
	// Progress, if not nil, is called about twice a second with the last interval and the remaining time (negative: unknown). Calls
	// do not overlap.
	Progress func(result.Interval, time.Duration)
	// Stage, if not nil, is called with the steps before and after the measured part: "logging in", "ramp".
	Stage func(string)
	// Series, if not nil, is called at the start of each run of a sweep: "iodepth=4, 3 of 8".
	Series func(string)
}

// CHAP says where to find secrets that are not in the URL (RFC 7143 12.1.3). Of each pair at most one is set.
type CHAP struct {
	SecretFile, SecretEnv string // of the URL's USER: a file, an environment variable
	// The target has to prove itself with this name ("" takes any) and secret.
	MutualUser                        string
	MutualSecretFile, MutualSecretEnv string
}

// UsageError reports wrong options: nothing was sent. It has one problem per line.
type UsageError struct{ Problems []string }

func (e *UsageError) Error() string { return strings.Join(e.Problems, "\n") }
