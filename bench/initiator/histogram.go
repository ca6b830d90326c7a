package initiator

import "github.com/ringtgt/ringtgt/engine/hist"

// Histogram counts latencies in ns.
type Histogram = hist.Histogram
