package result

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/dustin/go-humanize"
)

// FormatSI writes a value with 3 significant digits and an SI prefix: "412k", "1.61 GB/s" (a unit is set apart), "74.1 µs".
func FormatSI(v float64, unit string) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "-" // a division by nothing
	}
	// Rounded first: 999.6 is 1.00k and not 1000.
	if r, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 3, 64), 64); err == nil {
		v = r
	}
	if v == 0 {
		return strings.TrimRight("0 "+unit, " ")
	}
	v, prefix := humanize.ComputeSI(v)
	decimals := 2
	if a := max(v, -v); a >= 99.95 {
		decimals = 0
	} else if a >= 9.995 {
		decimals = 1
	}
	s := strconv.FormatFloat(v, 'f', decimals, 64)
	if prefix == "" {
		// A count of things has no fractions unless it is a mean.
		if t := strings.TrimRight(strings.TrimRight(s, "0"), "."); unit == "" && strings.Contains(s, ".") {
			s = t
		}
	}
	if unit == "" {
		return s + prefix
	}
	return s + " " + prefix + unit
}

// FormatLatency writes a latency with 3 significant digits: "640 ns", "74.1 µs", "1.02 ms", "2.10 s".
func FormatLatency(d time.Duration) string {
	if d > -1000 && d < 1000 {
		return strconv.Itoa(int(d)) + " ns"
	}
	return FormatSI(d.Seconds(), "s")
}

// FormatFigure writes a value of a figure: see Figure.Unit.
func FormatFigure(v float64, unit string) string {
	switch unit {
	case "IOPS":
		return FormatSI(v, "")
	case "s":
		return FormatLatency(time.Duration(v * float64(time.Second)))
	case "share":
		if v > 0 && v < 0.01 {
			return strconv.FormatFloat(100*v, 'f', 2, 64) + "%"
		}
		return strconv.FormatFloat(100*v, 'f', 1, 64) + "%"
	}
	return FormatSI(v, unit)
}

// FormatRatio writes a spread of ratios with 3 significant digits: "4.29 (4.11–4.40)".
func FormatRatio(s Spread) string {
	f := func(v float64) string {
		decimals := 2
		for w := v; w != 0 && w < 1 && decimals < 5; w *= 10 {
			decimals++
		}
		switch {
		case v >= 99.95:
			decimals = 0
		case v >= 9.995:
			decimals = 1
		}
		return strconv.FormatFloat(v, 'f', decimals, 64)
	}
	return fmt.Sprintf("%s (%s–%s)", f(s.Median), f(s.Low), f(s.High))
}

// Better judges a ratio of the first side's figure over another's: "better" or "worse" if all rounds agree (of many rounds: if the
// confidence interval does), "equal" if all are exactly 1, else "undecided".
func Better(s Spread, higher bool) string {
	switch {
	case s.Low == 1 && s.High == 1:
		return "equal"
	case s.Low > 1:
		if higher {
			return "better"
		}
		return "worse"
	case s.High < 1:
		if higher {
			return "worse"
		}
		return "better"
	}
	return "undecided"
}

// Times writes a ratio in words: "4.3 times higher", "29% higher", "12% lower", "14 times lower"; "" for 0, and what is no ratio.
func Times(ratio float64) string {
	times := func(v float64) string {
		if v < 9.95 {
			return strings.TrimSuffix(strconv.FormatFloat(v, 'f', 1, 64), ".0") + " times "
		}
		return humanize.Comma(int64(math.Round(v))) + " times "
	}
	percent := func(share float64) string {
		decimals := 0
		if share < 0.0095 {
			decimals = 1
		}
		return strconv.FormatFloat(100*share, 'f', decimals, 64) + "% "
	}
	switch {
	case !(ratio > 0) || math.IsInf(ratio, 0):
		return ""
	case ratio == 1:
		return "equal"
	case ratio >= 1.95:
		return times(ratio) + "higher"
	case ratio > 1:
		return percent(ratio-1) + "higher"
	case ratio > 1/1.95:
		return percent(1-ratio) + "lower"
	}
	return times(1/ratio) + "lower"
}

// InWords writes a ratio and its verdict: "14 times lower, better".
func InWords(s Spread, verdict string) string {
	if text := Times(s.Median); text != "" && text != verdict {
		return text + ", " + verdict
	}
	return verdict
}

// kernel adds the name of the kernel to its release (uname -r).
func kernel(release string) string {
	if release != "" && release[0] >= '0' && release[0] <= '9' {
		return "Linux " + release
	}
	return release
}

// Clean makes text from a peer safe for a terminal: it replaces unprintable characters by question marks.
func Clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, s)
}

// Title describes the workload in one line: "randread bs=4k iodepth=32, 1 session of 4 connections, closed loop".
func (w *Workload) Title() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s", w.RW)
	if w.RW == "rw" || w.RW == "randrw" {
		fmt.Fprintf(&b, " rwmixread=%d", w.ReadMix)
	}
	fmt.Fprintf(&b, " bs=%s", w.BlockSize)
	if w.IODepth > 0 {
		fmt.Fprintf(&b, " iodepth=%d", w.IODepth)
	}
	fmt.Fprintf(&b, ", %s of %s", Plural(max(w.NumJobs, 1)*w.Sessions, "session"), Plural(w.Conns, "connection"))
	if w.Rate > 0 {
		fmt.Fprintf(&b, ", open loop at %s IOPS", FormatSI(w.Rate, ""))
	} else {
		b.WriteString(", closed loop")
	}
	if w.Digests != "" && w.Digests != "none" {
		fmt.Fprintf(&b, ", digests: %s", w.Digests)
	}
	if w.Verify {
		b.WriteString(", verified")
	}
	return Clean(b.String())
}

// Device describes the unit by its INQUIRY data and size: "RINGTGT VIRTUAL-DISK 1.0, 1.0 GiB in blocks of 512 bytes".
func (t *Target) Device() string {
	var parts []string
	if id := strings.Join(strings.Fields(t.Vendor+" "+t.Product+" "+t.Revision), " "); id != "" {
		parts = append(parts, id)
	}
	if t.Capacity > 0 {
		parts = append(parts, fmt.Sprintf("%s in blocks of %d bytes", humanize.IBytes(t.Capacity), t.BlockLen))
	}
	return Clean(strings.Join(parts, ", "))
}

// Plural counts things: "1 session", "1,000 sessions".
func Plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return humanize.Comma(int64(n)) + " " + thing + "s"
}

// duration writes a time of a run: "10s", "1m30s", "9.87s".
func duration(d time.Duration) string {
	switch {
	case d >= time.Minute:
		return d.Round(time.Second).String()
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	}
	return d.Round(time.Millisecond).String()
}

// CPUList writes numbers of CPUs, "0,2,3".
func CPUList(cpus []int) string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(cpus), " ", ","), "[]")
}
