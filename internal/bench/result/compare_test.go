package result_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/bench/result"
	"github.com/ringtgt/ringtgt/internal/bench/result/resulttest"
)

// The bounds of a ratio are the lowest and the highest round, and of many rounds those of the median's confidence interval, which an
// outlier does not move; the table says which.
func TestRatioOfManyRounds(t *testing.T) {
	for _, rounds := range []int{result.ManyRounds - 1, result.ManyRounds} {
		c := &result.Comparison{Sides: make([]result.Side, 2)}
		for i := range rounds {
			for k := range c.Sides {
				r := result.Run{Elapsed: 1, Total: result.Stats{IOPS: float64(100 + i - i*k)}}
				if i == rounds-1 && k == 0 {
					r.Total.IOPS = 1000
				}
				c.Sides[k].Runs = append(c.Sides[k].Runs, r)
			}
		}
		s, ok := c.RoundRatio(0, 1, result.FigureIOPS)
		many := rounds == result.ManyRounds
		if !ok || (s.High < 10) != many || (s.Low > 1) != many {
			t.Errorf("%d rounds: %v", rounds, s)
		}
		if head, _ := c.Grid(); strings.Contains(head[2], "95%") != many {
			t.Errorf("%d rounds: %q", rounds, head)
		}
	}
}

// Latencies of a comparison at equal load are those of the open loops, everything else is that of the closed ones; JSON keeps both.
func TestComparisonAtEqualLoad(t *testing.T) {
	c := resulttest.Comparison(resulttest.Shape{Intervals: 1})
	for i := range c.Sides {
		s := &c.Sides[i]
		before, _ := s.Figure(result.FigureP99)
		for range s.Runs {
			open := s.Runs[0]
			open.Workload.Rate = 1000
			open.Total.IOPS = 1000
			open.Total.Latency = resulttest.Comparison(resulttest.Shape{Intervals: 1}).Sides[1-i].Runs[0].Total.Latency
			s.AtRate = append(s.AtRate, open)
		}
		want := s.AtRate[0].Total.Latency.Quantile(0.99).Seconds()
		if got, ok := s.Figure(result.FigureP99); !ok || got.Median != want || got.Median == before.Median {
			t.Errorf("side %d: p99 %v, %v, want %v of the open loop", i, got, ok, want)
		}
		if v, ok := s.Round(0, result.FigureIOPS); !ok || v != s.Runs[0].Total.IOPS {
			t.Errorf("side %d: %v IOPS, want those of the closed loop", i, v)
		}
		if _, ok := s.Round(len(s.Runs), result.FigureIOPS); ok {
			t.Error("there is no such round")
		}
	}
	c.Rate = 1000
	var b bytes.Buffer
	if err := result.Encode(&b, result.Document{Comparison: c}); err != nil {
		t.Fatal(err)
	}
	var got result.Comparison
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Rate != 1000 || len(got.Sides[0].AtRate) != len(c.Sides[0].AtRate) {
		t.Errorf("read back: rate %v, %d runs at it", got.Rate, len(got.Sides[0].AtRate))
	}
	b.Reset()
	if err := result.Table(&b, result.Document{Comparison: c}); err != nil || !strings.Contains(b.String(), "every side at 1.00k IOPS, open loop") {
		t.Errorf("%v\n%s", err, &b)
	}
}
