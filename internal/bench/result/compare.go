package result

import "github.com/ringtgt/ringtgt/internal/stat"

// Comparison is interleaved rounds of several targets under one workload: rounds A B, B A, ... so that drift affects all of them.
type Comparison struct {
	Version int      `json:"version"`
	Command []string `json:"command"`
	Client  Host     `json:"client"`
	Sides   []Side   `json:"sides"` // the others are compared with the first
	// Rate is the load, in requests per second, that every side's latencies were measured under in an open loop of its own: Side.AtRate.
	// 0: they are those of Side.Runs, and where these are closed loops, latencies at loads that differ.
	Rate float64 `json:"rate,omitempty"`
	// Ratios has, for each side but the first, the first one's figure over its own, by the figure's name (Figures).
	Ratios []map[string]Spread `json:"ratios"`
	Noise  []string            `json:"noise,omitempty"` // why these figures are not to be trusted; empty: none was seen
}

// Side is one target's rounds.
type Side struct {
	Name   string `json:"name"`
	Runs   []Run  `json:"runs"`
	AtRate []Run  `json:"at_rate,omitempty"` // round by round, see Comparison.Rate
}

// Round returns a figure of round i, false if it was not measured. Latencies are those at equal load if there are any.
func (s *Side) Round(i int, name string) (float64, bool) {
	runs := s.Runs
	if isLatency(name) && len(s.AtRate) > 0 {
		runs = s.AtRate
	}
	if i < 0 || i >= len(runs) {
		return 0, false
	}
	return runs[i].Figure(name)
}

// RoundRatio returns the ratio of a figure of side i over that of side j, round by round: a disturbance affects both sides of a round.
// From ManyRounds rounds on, its bounds are those of the 95% confidence interval of the median. False: no round has both.
func (c *Comparison) RoundRatio(i, j int, name string) (Spread, bool) {
	var values []float64
	for round := range max(len(c.Sides[i].Runs), len(c.Sides[i].AtRate)) {
		a, ok := c.Sides[i].Round(round, name)
		b, ok2 := c.Sides[j].Round(round, name)
		if ok && ok2 && b > 0 {
			values = append(values, a/b)
		}
	}
	s := stat.Of(values)
	if len(values) >= ManyRounds {
		s.Low, s.High = stat.Interval(values, confidence)
	}
	return s, len(values) > 0
}

// FigureName returns the displayed name of a figure, with the load of latencies at equal load.
func (c *Comparison) FigureName(name string) string {
	if isLatency(name) && c.Rate > 0 {
		return name + " at " + FormatSI(c.Rate, "") + " IOPS"
	}
	return name
}

// idle is the share of a CPU below which a waiting process is idle: timers and housekeeping. A ratio of two such shares is
// meaningless.
const idle = 0.001

// Ratio returns the ratio of the first side's figure over that of side i, from 1 up, and its meaning: see Better. False: there is
// no meaningful ratio; then the word is "", or "both idle".
func (c *Comparison) Ratio(i int, f Figure) (s Spread, verdict string, ok bool) {
	if i < 1 || i > len(c.Ratios) || i >= len(c.Sides) {
		return Spread{}, "", false
	}
	if s, ok = c.Ratios[i-1][f.Name]; !ok {
		return Spread{}, "", false
	}
	if f.Name == FigureIdle {
		a, _ := c.Sides[0].Figure(f.Name)
		b, _ := c.Sides[i].Figure(f.Name)
		if a.Median < idle && b.Median < idle {
			return Spread{}, "both idle", false
		}
	}
	return s, Better(s, f.Higher), true
}

// Grid returns a table with a row for each figure that a side measured: each side's median and, for all but the first side, the
// ratio of the first side's figure to its own with a verdict.
func (c *Comparison) Grid() (head []string, rows [][]string) {
	bounds := "ratio (low–high)"
	if len(c.Sides) > 0 && len(c.Sides[0].Runs) >= ManyRounds {
		bounds = "ratio (95% interval)"
	}
	for i := range c.Sides {
		head = append(head, Clean(c.Sides[i].Name))
		if i > 0 {
			head = append(head, bounds, "")
		}
	}
	for _, f := range Figures() {
		row := []string{c.FigureName(f.Name)}
		measured := false
		for i := range c.Sides {
			text, ok := c.Sides[i].FigureText(f)
			measured = measured || ok
			row = append(row, text)
			if i == 0 {
				continue
			}
			ratio := "-"
			s, verdict, ok := c.Ratio(i, f)
			if ok {
				ratio, verdict = FormatRatio(s), InWords(s, verdict)
			}
			row = append(row, ratio, verdict)
		}
		if measured {
			rows = append(rows, row)
		}
	}
	return head, rows
}

// Spread is a median with the lowest and the highest value.
type Spread = stat.Spread

// Sweep is one target under a workload of which one parameter varies.
type Sweep struct {
	Version   int      `json:"version"`
	Command   []string `json:"command"`
	Parameter string   `json:"parameter"` // "iodepth", "bs", "connections", ...
	Points    []Point  `json:"points"`
	// Ended says where a sweep ended before its last point; "": it did not.
	Ended string `json:"ended,omitempty"`
	// Knee is the index of the point above which more load increases latency rather than throughput, -1 if there is none.
	Knee int `json:"knee"`
}

// Point is one run of a sweep.
type Point struct {
	Value string `json:"value"`
	Run   Run    `json:"run"`
}
