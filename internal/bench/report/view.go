package report

import (
	"fmt"
	"html/template"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/ringtgt/ringtgt/internal/bench/result"
)

// view is what the template shows: all of it but charts is plain text that the template escapes.
type view struct {
	Title      string
	Date       string
	Lede       []string
	Tiles      []tile
	TilesTitle string
	Verdict    string // "quiet", "noisy" or "": a run alone has none
	Notes      []string
	Sections   []section
	Command    string

	CSS    template.CSS
	JS     template.JS
	JSON   template.JS
	Policy string
}

// tile is a figure that is meant to be seen first.
type tile struct {
	Label, Value, More string
	Bad                bool
}

type section struct {
	ID, Title, Help string
	Figures         []*figure
	Tables          []table
	Facts           []facts
}

// add adds a figure unless there was nothing to draw.
func (s *section) add(f *figure) {
	if f != nil {
		s.Figures = append(s.Figures, f)
	}
}

// empty is true where there is nothing to show.
func (s *section) empty() bool { return len(s.Figures)+len(s.Tables)+len(s.Facts) == 0 }

func (v *view) add(s section) {
	if !s.empty() {
		v.Sections = append(v.Sections, s)
	}
}

// facts are names with values.
type facts struct {
	Title string
	List  []fact
}

type fact struct{ Name, Value string }

func (f *facts) add(name, value string) {
	if value != "" {
		f.List = append(f.List, fact{name, value})
	}
}

func date(t time.Time) string {
	if t.IsZero() {
		return "unknown"
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}

// workloadFacts are what was asked for.
func workloadFacts(r *result.Run) facts {
	w := &r.Workload
	f := facts{Title: "Workload"}
	f.add("rw", w.RW)
	if w.RW == "rw" || w.RW == "randrw" {
		f.add("rwmixread", fmt.Sprintf("%d%%", w.ReadMix))
	}
	f.add("bs", w.BlockSize)
	f.add("iodepth", fmt.Sprintf("%d a connection", w.IODepth))
	f.add("sessions", fmt.Sprintf("%d a job, numjobs %d", w.Sessions, max(w.NumJobs, 1)))
	f.add("connections", fmt.Sprintf("%d a session", w.Conns))
	if w.Rate > 0 {
		f.add("rate", result.FormatSI(w.Rate, "")+" IOPS (open loop)")
	} else {
		f.add("rate", "as fast as it goes (closed loop)")
	}
	f.add("digests", w.Digests)
	if w.Size > 0 {
		f.add("size", humanize.IBytes(uint64(w.Size)))
	}
	if w.Verify {
		f.add("verify", "all data that is read")
	}
	if w.Seed != 0 {
		f.add("seed", fmt.Sprint(w.Seed))
	}
	f.add("runtime", fmt.Sprintf("%v measured of %v, after a ramp of %v", r.Elapsed.Round(time.Millisecond), w.Runtime, w.RampTime))
	f.add("ended by", r.Ended)
	return f
}

func targetFacts(title string, t *result.Target) facts {
	f := facts{Title: title}
	f.add("name", t.Name)
	f.add("URL", t.URL)
	f.add("LUN", fmt.Sprint(t.LUN))
	f.add("device", t.Device())
	f.add("software", t.Software)
	f.add("kernel", t.Kernel)
	if t.PID > 0 {
		f.add("process", fmt.Sprint(t.PID))
	}
	if len(t.Pinned) > 0 {
		f.add("pinned to CPU", cpuList(t.Pinned))
	}
	if t.IdleCPU != nil {
		f.add("idle CPU", result.FormatFigure(*t.IdleCPU, "share")+" of one CPU")
	}
	return f
}

func hostFacts(h *result.Host, cores []int) facts {
	f := facts{Title: "Client"}
	f.add("ringtgt", h.Ringtgt)
	f.add("Go", h.Go)
	f.add("kernel", h.Kernel)
	f.add("processor", h.CPU)
	if h.CPUs > 0 {
		f.add("CPUs", fmt.Sprint(h.CPUs))
	}
	if len(cores) > 0 {
		f.add("threads pinned to CPU", cpuList(cores))
	}
	f.add("load before", fmt.Sprintf("%.2f %.2f %.2f", h.Load[0], h.Load[1], h.Load[2]))
	return f
}

// negotiatedFacts are the login keys, by name.
func negotiatedFacts(title string, t *result.Target) facts {
	f := facts{Title: title}
	for _, k := range slices.Sorted(maps.Keys(t.Negotiated)) {
		f.add(k, t.Negotiated[k])
	}
	return f
}

func (s *section) facts(all ...facts) {
	for _, f := range all {
		if len(f.List) > 0 {
			s.Facts = append(s.Facts, f)
		}
	}
}

func cpuList(cpus []int) string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(cpus), " ", ", "), "[]")
}

func latencyOrDash(d time.Duration, known bool) string {
	if !known {
		return "–"
	}
	return result.FormatLatency(d)
}
