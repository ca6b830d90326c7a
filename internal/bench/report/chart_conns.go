package report

import (
	"fmt"
	"math"
	"slices"

	"github.com/ringtgt/ringtgt/internal/bench/result"
)

// spreadOfConns draws the IOPS of all connections, sorted: a flat line is a fair target. Nil for fewer than 4.
func spreadOfConns(r *result.Run) *figure {
	if len(r.Conns) < 4 {
		return nil
	}
	iops := make([]float64, len(r.Conns))
	for i := range r.Conns {
		iops[i] = r.Conns[i].IOPS
		if math.IsNaN(iops[i]) {
			iops[i] = 0
		}
	}
	slices.Sort(iops)
	c := curve{name: "connections, slowest first", y: iops, style: style{colour: 0}}
	for i := range iops {
		c.x = append(c.x, float64(i+1))
	}
	x := linear("connections, slowest first", float64(len(iops)), 8, func(v float64) string { return fmt.Sprint(int(v)) })
	x.hi = float64(len(iops))
	for len(x.ticks) > 0 && x.ticks[len(x.ticks)-1].value > x.hi {
		x.ticks = x.ticks[:len(x.ticks)-1]
	}
	return lines(240, "Requests per second of each connection", x, "IOPS", iopsLabel, []curve{c})
}
