// Package result holds the measurements of a benchmark as plain data, from which the table, the JSON, the lines for benchstat and
// the HTML report are made. It does no I/O and measures nothing.
package result

import "time"

// Version is the version of the JSON format. It rises when a field is removed or changes its meaning.
const Version = 1

// Run is one measurement of one target.
type Run struct {
	Version  int           `json:"version"`
	Command  []string      `json:"command"` // the exact command line, secrets taken out
	Started  time.Time     `json:"started"` // of the measured part: the ramp is over
	Elapsed  time.Duration `json:"elapsed_ns"`
	Ended    string        `json:"ended"` // "runtime", "size", "interrupted", or what went wrong
	Workload Workload      `json:"workload"`
	Target   Target        `json:"target"`
	Client   Host          `json:"client"`

	Total    Stats      `json:"total"`
	Reads    *Stats     `json:"reads,omitempty"` // nil: none were asked for
	Writes   *Stats     `json:"writes,omitempty"`
	Sessions []Session  `json:"sessions"`
	Conns    []Conn     `json:"connections"`
	CPUs     []CPU      `json:"cpus"` // the client's threads
	Series   []Interval `json:"series"`
	Notes    []string   `json:"notes,omitempty"` // caveats: noise, a schedule not kept
}

// Workload is the requested load, in fio's terms.
type Workload struct {
	RW        string        `json:"rw"`                // read, write, randread, randwrite, rw, randrw
	ReadMix   int           `json:"rwmixread"`         // percent
	BlockSize string        `json:"bs"`                // "4k", or a split as fio writes it: "4k/60:64k/40"
	IODepth   int           `json:"iodepth"`           // per connection; 0: an open loop without bound
	NumJobs   int           `json:"numjobs"`           // copies, each with Sessions sessions of its own
	Sessions  int           `json:"sessions"`          // per job
	Conns     int           `json:"connections"`       // per session
	Rate      float64       `json:"rate,omitempty"`    // requests per second over all; 0: closed loop
	Digests   string        `json:"digests"`           // "none", "header", "data", "both"
	Size      int64         `json:"size,omitempty"`    // bytes of the LUN in use
	Verify    bool          `json:"verify"`            // data was compared
	Seed      uint64        `json:"seed,omitempty"`    // of addresses and data
	Runtime   time.Duration `json:"runtime_ns"`        //
	RampTime  time.Duration `json:"ramp_time_ns"`      //
	Poll      time.Duration `json:"poll_ns,omitempty"` // how long the client's threads poll for answers before they sleep
	Cores     []int         `json:"cores,omitempty"`   // the client's threads are pinned to; empty: not pinned
}

// Target is what was measured.
type Target struct {
	URL      string `json:"url"` // secrets taken out
	Name     string `json:"name"`
	LUN      int    `json:"lun"`
	Vendor   string `json:"vendor"` // of INQUIRY, as product and revision
	Product  string `json:"product"`
	Revision string `json:"revision"`
	BlockLen uint32 `json:"block_len"` // bytes
	Capacity uint64 `json:"capacity"`  // bytes
	// Software, Kernel and the CPU figures are known if the target runs on this machine.
	PID        int               `json:"pid,omitempty"`      // of its process on this machine
	Software   string            `json:"software,omitempty"` // "ringtgt 1.2.0", "tgtd 1.0.85"
	Kernel     string            `json:"kernel,omitempty"`
	Negotiated map[string]string `json:"negotiated,omitempty"` // login keys of the first session
	CPU        *time.Duration    `json:"cpu_ns,omitempty"`     // processor time that the target's process took in Elapsed
	IdleCPU    *float64          `json:"idle_cpu,omitempty"`   // share of one CPU it takes with all sessions up and no request, 0 to 1
	Pinned     []int             `json:"pinned,omitempty"`     // CPUs its process was bound to by the benchmark
}

// Host is a machine.
type Host struct {
	Kernel  string     `json:"kernel"`
	CPU     string     `json:"cpu"`
	CPUs    int        `json:"cpus"`
	Ringtgt string     `json:"ringtgt"`
	Go      string     `json:"go"`
	Load    [3]float64 `json:"load"` // before the run
}

// Stats is a sum over some requests.
type Stats struct {
	Requests uint64  `json:"requests"`
	Bytes    uint64  `json:"bytes"`
	Errors   uint64  `json:"errors"`
	Busy     uint64  `json:"busy"` // sent again after BUSY, TASK SET FULL or a unit attention
	IOPS     float64 `json:"iops"`
	Rate     float64 `json:"bytes_per_second"`
	Latency  Latency `json:"latency,omitzero"`
}

// Session is one session's part.
type Session struct {
	Index int `json:"session"`
	Stats
}

// Conn is one connection's part.
type Conn struct {
	Session      int    `json:"session"`
	CID          uint16 `json:"cid"`
	CPU          int    `json:"cpu"`           // index in Run.CPUs
	WindowClosed uint64 `json:"window_closed"` // times that the command window delayed it
	Stats
}

// CPU is one thread of the client.
type CPU struct {
	CPU         int           `json:"cpu"` // -1: not pinned
	User        time.Duration `json:"user_ns"`
	System      time.Duration `json:"system_ns"`
	PDUsPerSend float64       `json:"pdus_per_send"`
	Enters      uint64        `json:"enters"` // io_uring_enter calls
	Stats
}

// Interval is a slice of the run: the live line, and the heat map's columns.
type Interval struct {
	At      time.Duration `json:"at_ns"` // from the start of the measured part to the interval's end
	Length  time.Duration `json:"length_ns"`
	Reads   uint64        `json:"reads"`
	Writes  uint64        `json:"writes"`
	Bytes   uint64        `json:"bytes"`
	Behind  uint64        `json:"behind,omitempty"` // open loop: requests due and not yet sent at its end
	Latency Latency       `json:"latency,omitzero"`
}
