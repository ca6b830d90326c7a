package result

import (
	"fmt"
	"strings"
	"time"
)

// Live returns the line that a terminal shows while a run goes on: what the last interval measured and the time that is left
// (negative: unknown). Its columns keep their places from one line to the next.
func Live(i Interval, remaining time.Duration) string {
	var iops, rate float64
	if s := i.Length.Seconds(); s > 0 {
		iops, rate = float64(i.Reads+i.Writes)/s, float64(i.Bytes)/s
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s IOPS  %s", left(FormatSI(iops, ""), 6), left(FormatSI(rate, "B/s"), 10))
	p50, p99 := "-", "-"
	if i.Latency != nil && i.Latency.Count() > 0 {
		p50, p99 = FormatLatency(i.Latency.Quantile(0.5)), FormatLatency(i.Latency.Quantile(0.99))
	}
	fmt.Fprintf(&b, "  p50 %s  p99 %s", left(p50, 7), left(p99, 7))
	if i.Behind > 0 {
		fmt.Fprintf(&b, "  behind %s", left(FormatSI(float64(i.Behind), ""), 6))
	}
	if remaining >= 0 {
		fmt.Fprintf(&b, "  %s left", left(remaining.Round(time.Second).String(), 6))
	}
	return b.String()
}
