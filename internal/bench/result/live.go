package result

import (
	"fmt"
	"strings"
	"time"
)

// Live returns the progress line of a terminal: the last interval's figures and the remaining time (negative: unknown). Its columns
// do not move from line to line.
func Live(i Interval, remaining time.Duration) string {
	var iops, rate float64
	if s := i.Length.Seconds(); s > 0 {
		iops, rate = float64(i.Reads+i.Writes)/s, float64(i.Bytes)/s
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%6s IOPS  %10s", FormatSI(iops, ""), FormatSI(rate, "B/s"))
	p50, p99 := "-", "-"
	if i.Latency.Count() > 0 {
		p50, p99 = FormatLatency(i.Latency.Quantile(0.5)), FormatLatency(i.Latency.Quantile(0.99))
	}
	fmt.Fprintf(&b, "  p50 %7s  p99 %7s", p50, p99)
	if i.Behind > 0 {
		fmt.Fprintf(&b, "  behind %6s", FormatSI(float64(i.Behind), ""))
	}
	if remaining >= 0 {
		fmt.Fprintf(&b, "  %6s left", remaining.Round(time.Second))
	}
	return b.String()
}
