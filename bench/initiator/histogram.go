package initiator

import "github.com/ringtgt/ringtgt/internal/hist"

// Histogram counts latencies in ns.
type Histogram = hist.Histogram
