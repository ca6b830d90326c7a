package report

import (
	"strconv"

	"github.com/ringtgt/ringtgt/internal/hist"
)

// style is how a series looks: its colour tells the side or the point, its dashes reads from writes.
type style struct {
	colour int // 0 to maxSeries-1
	dash   string
}

func (s style) class() string {
	c := "line s" + strconv.Itoa(s.colour%maxSeries)
	if s.dash != "" {
		c += " " + s.dash
	}
	return c
}

func (s style) dot() string { return "dot f" + strconv.Itoa(s.colour%maxSeries) }

// key is an entry of a legend.
type key struct {
	Class string
	Label string
	Kind  string // "line", "fill", "dot"
}

// distribution is a histogram with a name.
type distribution struct {
	name string
	hist *hist.Histogram
	style
}

// merged returns the sum of histograms, nil if there is nothing in any.
func merged(all ...*hist.Histogram) *hist.Histogram {
	var sum *hist.Histogram
	for _, h := range all {
		if h == nil || h.Count() == 0 {
			continue
		}
		if sum == nil {
			sum = new(hist.Histogram)
		}
		sum.Merge(h)
	}
	return sum
}

// curve is values over x with a name.
type curve struct {
	name string
	x, y []float64
	hint []string // of each point; nil: its points are not marked
	style
}

func keys(curves []curve) []key {
	var k []key
	for _, c := range curves {
		k = append(k, key{c.class(), c.name, "line"})
	}
	return k
}
