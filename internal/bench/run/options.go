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
	URL     string   // iscsi://[USER[%SECRET]@]HOST[:PORT][/TARGET[/LUN]]; without TARGET the only one that the portal has
	CHAP    CHAP     // secrets by reference
	Command []string // for the record; Redact takes secrets out
	Version string   // of this program, for the record

	RW                string        // fio's: read, write, randread, randwrite, rw (or readwrite), randrw; "" is randread
	ReadMix           int           // percent of reads for rw and randrw; 0 is 50, so it cannot be 0: that is write
	BlockSize         string        // "4k"; "" is 4k
	BlockSplit        string        // fio's bssplit "4k/60:64k/40"; excludes BlockSize
	IODepth           int           // a connection; 0 is 1 in a closed loop, and as many as a connection can have in an open one
	NumJobs           int           // 0 is 1
	Sessions          int           // a job; 0 is 1
	Connections       int           // a session; 0 is 1
	Digests           string        // "", none, header, data, both
	Initiator         string        // name of the initiator; "" is one of this program's, another one for each job
	Cores             []int         // CPUs of the client's threads; empty: one thread, not pinned
	Poll              time.Duration // how long the client's threads look for answers before they sleep; 0: not at all
	Runtime, RampTime time.Duration
	Rate              float64 // requests a second over all connections; 0: closed loop
	Poisson           bool    // they are due at random times, as from many independent clients; needs Rate
	Size              string  // part of the LUN in use from its start, "1g" or "20%"; "" is all
	Verify            bool
	// Seed makes addresses and data. 0 is 1; with Verify and a load that writes, a fresh one, so that data of an
	// earlier run does not pass for this one's.
	Seed uint64

	// TargetPID is the process whose time is the target's; 0: the one that listens at the URL's portal, if it is on this
	// machine; -1: do not look.
	TargetPID int
	// Idle asks for the target's CPU share with the sessions up and no request, for this long before the run; 0: not asked.
	Idle time.Duration
	// Load is the load averages before the first of several runs: later ones would see the load of those before; nil: the current ones.
	Load *[3]float64
	// Interval divides the run: the series of the result; 0 is made of Runtime, half a second for most.
	Interval time.Duration
	// Progress is called about twice a second with what the last interval measured, and how much is left (negative: not known); nil:
	// not called. Calls do not overlap.
	Progress func(result.Interval, time.Duration)
	// Stage is called with what happens before and after the measured part: "logging in", "ramp"; nil: not called.
	Stage func(string)
	// Series is called with the run of a sweep that begins, "iodepth=4, 3 of 8"; nil: not called.
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
