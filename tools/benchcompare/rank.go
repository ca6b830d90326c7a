package main

import (
	"math"
	"slices"
)

// rankTest gives the two-sided p-value of the Mann-Whitney U test: how often samples that come from one and the same distribution
// lie as far apart in rank as old and new do, or farther. It is exact, also with ties: the ranks are taken as they are (mid-ranks)
// and all ways of dealing them out are counted. An empty side gives 1.
func rankTest(old, new []float64) float64 {
	if len(old) == 0 || len(new) == 0 {
		return 1
	}
	ranks := doubledRanks(old, new)
	sum, total := 0, 0
	for i, r := range ranks {
		total += r
		if i < len(old) {
			sum += r
		}
	}
	// The distribution of the old side's rank sum is symmetric about its mean only without ties, so both tails are counted. All
	// is multiplied by len(ranks), for the mean to be an integer.
	n := len(ranks)
	mean := total * len(old)
	far := abs(sum*n - mean)
	var tail, all float64
	for s, ways := range rankSums(ranks, len(old)) {
		all += ways
		if abs(s*n-mean) >= far {
			tail += ways
		}
	}
	return min(1, tail/all)
}

// leastP is the smallest p-value that n + m samples can give: complete separation.
func leastP(n, m int) float64 {
	p := 2.0
	for i := 1; i <= n; i++ {
		p *= float64(i) / float64(m+i)
	}
	return min(1, p)
}

// doubledRanks gives twice the mid-rank of each sample in the pooled order, old's first: twice, for ties to stay integers.
func doubledRanks(old, new []float64) []int {
	pool := slices.Concat(old, new)
	sorted := slices.Sorted(slices.Values(pool))
	ranks := make([]int, len(pool))
	for i, x := range pool {
		first, _ := slices.BinarySearch(sorted, x)
		last := first
		for last+1 < len(sorted) && sorted[last+1] == x {
			last++
		}
		ranks[i] = first + last + 2
	}
	return ranks
}

// rankSums counts, for each sum, the ways of choosing k of the ranks with that sum. Floats hold the counts: 1e35 at most.
func rankSums(ranks []int, k int) []float64 {
	total := 0
	for _, r := range ranks {
		total += r
	}
	ways := make([][]float64, k+1)
	for i := range ways {
		ways[i] = make([]float64, total+1)
	}
	ways[0][0] = 1
	reach := 0 // the sum of the ranks so far
	for i, r := range ranks {
		reach += r
		left := len(ranks) - 1 - i
		for c := min(k, i+1); c > 0 && c >= k-left; c-- {
			from, to := ways[c-1][:reach-r+1], ways[c][r:reach+1]
			for s, n := range from {
				to[s] += n
			}
		}
	}
	return ways[k]
}

// ratioInterval gives the interval of the ratio new/old that belongs to the rank test at level a: Hodges and Lehmann's, from the
// sorted quotients of all pairs. All samples are positive. Too few samples for that level give (0, +Inf).
func ratioInterval(old, new []float64, a float64) (lo, hi float64) {
	quotients := make([]float64, 0, len(old)*len(new))
	for _, o := range old {
		for _, n := range new {
			quotients = append(quotients, n/o)
		}
	}
	slices.Sort(quotients)
	c := criticalU(len(old), len(new), a)
	if c < 0 {
		return 0, math.Inf(1)
	}
	return quotients[c], quotients[len(quotients)-1-c]
}

// criticalU is the largest U whose lower tail has at most a/2 of the distribution without ties, or -1.
func criticalU(n, m int, a float64) int {
	if n == 0 || m == 0 {
		return -1
	}
	ranks := make([]int, n+m)
	for i := range ranks {
		ranks[i] = i + 1
	}
	ways := rankSums(ranks, n)
	var all float64
	for _, w := range ways {
		all += w
	}
	tail, least := 0.0, n*(n+1)/2
	for u := 0; u <= n*m; u++ {
		if tail += ways[least+u]; tail > a/2*all {
			return u - 1
		}
	}
	return n * m
}

func abs(x int) int { return max(x, -x) }
