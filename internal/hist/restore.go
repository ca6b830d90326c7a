package hist

// AddN counts the same latency n times.
func (h *Histogram) AddN(ns int64, n uint64) {
	if n == 0 {
		return
	}
	ns = max(ns, 0)
	if h.n == 0 || ns < h.min {
		h.min = ns
	}
	h.max = max(h.max, ns)
	h.counts[step(uint64(ns))] += n
	h.n += n
	h.sum += float64(ns) * float64(n)
}
