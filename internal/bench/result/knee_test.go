package result

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/hist"
)

// curve makes points of a throughput in bytes a second and a latency in seconds.
func curve(values []float64, f func(x float64) (rate, latency float64)) []Point {
	var points []Point
	for _, x := range values {
		rate, latency := f(x)
		h := new(hist.Histogram)
		h.AddN(int64(latency*1e9), 1000)
		points = append(points, Point{Value: fmt.Sprint(x), Run: Run{Elapsed: time.Second, Total: Stats{Requests: 1000, Rate: rate, Latency: Latency{h}}}})
	}
	return points
}

func doubling(from, to float64) (v []float64) {
	for x := from; x <= to; x *= 2 {
		v = append(v, x)
	}
	return v
}

// closed is a closed loop of n requests in front of a server that takes base to answer one and peak a second at most: the two
// asymptotes, joined by Little's law.
func closed(peak, base float64) func(n float64) (float64, float64) {
	return func(n float64) (float64, float64) {
		rate := min(n/base, peak)
		return rate, n / rate
	}
}

// open is an M/M/1 queue that serves peak a second.
func open(peak float64) func(rate float64) (float64, float64) {
	return func(rate float64) (float64, float64) { return rate, 1 / (peak - rate) }
}

func TestFindKnee(t *testing.T) {
	linear := []float64{1, 2, 3, 4, 5, 6, 7, 8, 9}
	for _, c := range []struct {
		name   string
		points []Point
		want   int
	}{
		{"the corner of the asymptotes is at a depth of 8", curve(doubling(1, 128), closed(80e3, 100e-6)), 3},
		{"and stays there when the sweep goes on", curve(doubling(1, 1<<14), closed(80e3, 100e-6)), 3},
		{"and between two points goes to the nearer in ratio", curve(doubling(1, 128), closed(100e3, 100e-6)), 3},
		{"even steps", curve([]float64{4, 8, 12, 16, 20, 24, 28}, closed(160e3, 100e-6)), 3},
		{"M/M/1: half the capacity (Kleinrock)", curve([]float64{10e3, 20e3, 30e3, 40e3, 50e3, 60e3, 70e3, 80e3, 90e3, 99e3}, open(100e3)), 4},
		{"block sizes: as long in transfer as in everything else", curve(doubling(4096, 1<<20), func(b float64) (float64, float64) {
			latency := 64e-6 + b/1e9
			return b / latency, latency
		}), 4},
		{"flat: nothing depends on it", curve(linear, func(float64) (float64, float64) { return 1e5, 1e-4 }), -1},
		{"saturated from the first point on", curve(doubling(16, 128), closed(80e3, 100e-6)), -1},
		{"saturated nowhere", curve(doubling(1, 8), closed(80e3, 100e-6)), -1},
		{"latency alone grows", curve(linear, func(x float64) (float64, float64) { return 1e5, x * 1e-4 }), -1},
		{"two points have no middle", curve([]float64{1, 128}, closed(80e3, 100e-6)), -1},
		{"none", nil, -1},
	} {
		if got := FindKnee(c.points); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

// A point that completed nothing is passed over, and indices stay those of the points.
func TestFindKneePassesOver(t *testing.T) {
	points := curve(doubling(1, 128), closed(80e3, 100e-6))
	points[0].Run.Total = Stats{}
	points[2].Run.Total.Latency = Latency{}
	if got := FindKnee(points); got != 3 {
		t.Errorf("%d, want 3", got)
	}
}

// Noise of 3% moves the knee by no more than one point of a sweep by doubling, and makes none where there is none.
func TestFindKneeUnderNoise(t *testing.T) {
	for seed := range uint64(100) {
		rng := rand.New(rand.NewPCG(seed, 6))
		noisy := func(f func(float64) (float64, float64)) func(float64) (float64, float64) {
			return func(x float64) (float64, float64) {
				rate, latency := f(x)
				e := math.Exp(0.03 * max(-1.2, min(1.2, rng.NormFloat64())))
				return rate * e, latency / e // Little's law holds for each run
			}
		}
		if got := FindKnee(curve(doubling(1, 128), noisy(closed(80e3, 100e-6)))); got < 2 || got > 4 {
			t.Errorf("seed %d: %d, want 3", seed, got)
		}
		for name, f := range map[string]func(float64) (float64, float64){
			"flat": func(float64) (float64, float64) { return 1e5, 1e-4 }, "linear": closed(1e9, 1e-4), "saturated": closed(1e3, 1e-4),
		} {
			if got := FindKnee(curve(doubling(1, 128), noisy(f))); got != -1 {
				t.Errorf("seed %d, %s: %d, want none", seed, name, got)
			}
		}
	}
}
