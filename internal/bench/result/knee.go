package result

// steady is the share by which throughput, and latency, of one configuration differ from run to run: a knee has to stand out by
// more than both together.
const steady = 0.10

// FindKnee returns the index of the point above which more load increases latency rather than throughput, -1 if there is none.
//
// It is the point of the greatest power: throughput over mean latency (L. Kleinrock, "Power and deterministic rules of thumb for
// probabilistic problems in computer communications", 1979). Below it throughput grows faster than latency, in parts of
// themselves; above it latency does. In a closed loop in front of a server that saturates, throughput follows the depth and then
// stays: the greatest power is exactly the corner. Unlike the distance from the chord (Kneedle), power needs no scaling of the
// axes, so a knee does not move when the sweep continues.
//
// Throughput is in bytes a second, which orders a sweep of block sizes too. Points that completed nothing are skipped. A
// greatest power at either end, or one that does not stand out from both ends by more than runs differ anyway, is no knee: the
// target was saturated from the first point on, or nowhere, or nothing depends on the parameter.
func FindKnee(points []Point) int {
	var power []float64
	var index []int
	for i := range points {
		s := &points[i].Run.Total
		if s.Latency.Count() == 0 || s.Latency.Mean() <= 0 || s.Rate <= 0 {
			continue
		}
		power = append(power, s.Rate/s.Latency.Mean().Seconds())
		index = append(index, i)
	}
	best := 0
	for i, p := range power {
		if p > power[best] {
			best = i
		}
	}
	const stands = (1 + steady) * (1 + steady)
	if len(power) < 3 || power[0]*stands >= power[best] || power[len(power)-1]*stands >= power[best] {
		return -1
	}
	return index[best]
}
