package report

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"html"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/bench/result"
	"github.com/ringtgt/ringtgt/internal/bench/result/resulttest"
	"github.com/ringtgt/ringtgt/internal/need"
)

// browserTimeout ends a browser that hangs; it is no part of what is tested.
const browserTimeout = 2 * time.Minute

// browser is Debian's chromium.
func browser(t *testing.T) string {
	t.Helper()
	path := need.Program(t, "chromium", "chromium")
	return path
}

// render opens a file in a headless browser that resolves no name, and returns the DOM that scripts have left behind and what was
// written to the console. With a screenshot, it is written there.
func render(t *testing.T, file, screenshot string, width, height int, flags ...string) (dom []byte, console []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), browserTimeout)
	defer cancel()
	args := []string{
		"--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run", "--disable-extensions", "--disable-background-networking",
		"--disable-dev-shm-usage", "--force-device-scale-factor=1", "--user-data-dir=" + t.TempDir(), "--enable-logging=stderr",
		"--host-resolver-rules=MAP * ~NOTFOUND", fmt.Sprintf("--window-size=%d,%d", width, height), "--dump-dom",
	}
	if screenshot != "" {
		args = append(args, "--screenshot="+screenshot)
	}
	args = append(append(args, flags...), "file://"+file)
	cmd := exec.CommandContext(ctx, browser(t), args...)
	cmd.WaitDelay = time.Second
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	if err := cmd.Run(); err != nil {
		t.Fatalf("chromium: %v\n%s", err, log.String())
	}
	for line := range strings.Lines(log.String()) {
		if strings.Contains(line, ":CONSOLE") {
			console = append(console, line)
		}
	}
	return out.Bytes(), console
}

// pages are what is rendered, and the captions of the charts that have to be there.
func pages() map[string]struct {
	page   result.Document
	charts []string
} {
	type p = struct {
		page   result.Document
		charts []string
	}
	return map[string]p{
		"run": {
			result.Document{Run: resulttest.Run(resulttest.Shape{Sessions: 2, Conns: 4, CPUs: 2, Mixed: true, Stall: 5})},
			[]string{"Latency by percentile", "Latency over time", "Requests per second (of 4 KiB each)", "Processor time per request", "Requests per second of each connection"},
		},
		"large": {
			result.Document{Run: resulttest.Run(resulttest.Shape{Sessions: 1000, CPUs: 8, Intervals: 600, Every: time.Second, Stall: 300})},
			[]string{"Latency by percentile", "Latency over time", "Requests per second (of 4 KiB each)", "Processor time per request", "Requests per second of each connection"},
		},
		"comparison": {
			result.Document{Comparison: resulttest.Comparison(resulttest.Shape{Intervals: 10, Mixed: true, EqualLoad: 50000})},
			[]string{"ringtgt over tgt", "Latency at equal load, 50.0k IOPS on every side", "Latency in a closed loop, each side at its own speed", "ringtgt, at equal load", "tgt, at equal load",
				"Requests per second, round by round", "Requests per second over time, median rounds", "Processor time per request"},
		},
		"sweep": {
			result.Document{Sweep: resulttest.Sweep(resulttest.Shape{Intervals: 10})},
			[]string{"Latency over throughput", "Latency by percentile", "Processor time per request"},
		},
		"hostile": {
			result.Document{Run: hostileRun()},
			[]string{"Latency by percentile", "Latency over time", "Requests per second (of 4 KiB each)", "Processor time per request", "Requests per second of each connection"},
		},
		"hostile comparison": {
			result.Document{Comparison: hostileComparison()},
			[]string{result.Clean(evil) + " over " + strings.Repeat("side", 50), "Latency in a closed loop, each side at its own speed", "Requests per second, round by round", "Requests per second over time, median rounds", "Processor time per request"},
		},
		"hostile sweep": {
			result.Document{Sweep: hostileSweep()},
			[]string{"Latency over throughput", "Latency by percentile", "Processor time per request"},
		},
	}
}

func writeFile(t *testing.T, name string, p result.Document) (file string, text []byte) {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, p); err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), name+".html")
	if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return file, b.Bytes()
}

// In a browser each page, as it is and with its policy that forbids all loading, says nothing on the console (a load that the
// policy stops would), shows all its charts, and is neither blank nor the same in the dark.
func TestBrowser(t *testing.T) {
	browser(t)
	dom := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;") // as the browser writes text
	for name, p := range pages() {
		if strings.HasPrefix(name, "hostile ") {
			continue // one of them is enough: TestLayout opens them all
		}
		t.Run(name, func(t *testing.T) {
			file, _ := writeFile(t, name, p.page)
			shot := filepath.Join(t.TempDir(), "light.png")
			text, console := render(t, file, shot, 1200, 2400)
			if len(console) > 0 {
				t.Errorf("on the console:\n%s", strings.Join(console, ""))
			}
			for _, c := range p.charts {
				if n := bytes.Count(text, []byte("><title>"+dom.Replace(c)+"</title><desc>")); n != 1 {
					t.Errorf("%d charts %q", n, c)
				}
			}
			// The script ran: it shows the button that the page hides.
			if !bytes.Contains(text, []byte(`data-copy="commandline">Copy`)) {
				t.Error("there is no button to copy the command")
			}
			light := decode(t, shot)
			inked(t, light)
			if name != "run" {
				return
			}
			shot = filepath.Join(t.TempDir(), "dark.png")
			render(t, file, shot, 1200, 2400, "--force-dark-mode")
			dark := decode(t, shot)
			inked(t, dark)
			if l, d := brightness(light.At(2, 2)), brightness(dark.At(2, 2)); l < 200 || d > 60 {
				t.Errorf("background of brightness %d in the light and %d in the dark, of 255", l, d)
			}
		})
	}
}

func decode(t *testing.T, file string) image.Image {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // read only
	m, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func brightness(c color.Color) int {
	r, g, b, _ := c.RGBA()
	return int((r + g + b) / 3 >> 8)
}

// inked fails for a picture that is blank, or of which a large part is.
func inked(t *testing.T, m image.Image) {
	t.Helper()
	paper := m.At(2, 2)
	colours := map[color.Color]int{}
	b := m.Bounds()
	for top := b.Min.Y; top < b.Max.Y; top += 600 {
		ink := 0
		for y := top; y < min(top+600, b.Max.Y); y++ {
			for x := b.Min.X; x < b.Max.X; x++ {
				if c := m.At(x, y); c != paper {
					ink++
					colours[c]++
				}
			}
		}
		if share := float64(ink) / float64(600*b.Dx()); share < 0.02 || share > 0.95 {
			t.Errorf("%.1f%% of the pixels from line %d on are not the background", 100*share, top)
		}
	}
	if len(colours) < 50 {
		t.Errorf("%d colours", len(colours))
	}
}

//go:embed probe_test.js
var probe string

// layout is what the probe finds in one page at one width.
type layout struct {
	Name     string
	Width    int
	Charts   int
	Wide     []string // elements that stick out of the page
	Overlaps []string // labels of a chart that meet
	Outside  []string // labels that stick out of their chart
	Unnamed  int      // charts without a title, a description or a role
	Loads    []string // elements that refer to something to load
	Colours  []string // of lines and cells that have none
	Small    []string // text below 12 pixels
}

// On a desktop, at 800 pixels and on a telephone of 400, no two labels of a chart meet, none is cut off, no text is smaller than
// 12 pixels, and no page is wider than its window. Long names do not change that.
func TestLayout(t *testing.T) {
	browser(t)
	var frames strings.Builder
	n := 0
	all := pages()
	for name, p := range all {
		_, text := writeFile(t, name, p.page)
		for _, width := range []int{1400, 800, 400} {
			if name == "large" && width == 400 {
				continue // it takes long and has nothing of its own there
			}
			fmt.Fprintf(&frames, `<iframe name="%s" width="%d" height="3000" srcdoc="%s"></iframe>`, name, width, html.EscapeString(string(text)))
			n++
		}
	}
	file := filepath.Join(t.TempDir(), "probe.html")
	page := `<!DOCTYPE html><meta charset="utf-8"><body>` + frames.String() + `<pre id="found"></pre><script>` + probe + `</script></body>`
	if err := os.WriteFile(file, []byte(page), 0o644); err != nil {
		t.Fatal(err)
	}
	dom, console := render(t, file, "", 1500, 1000)
	if len(console) > 0 {
		t.Errorf("on the console:\n%s", strings.Join(console, ""))
	}
	_, rest, _ := bytes.Cut(dom, []byte(`<pre id="found">`))
	text, _, ok := bytes.Cut(rest, []byte("</pre>"))
	var found []layout
	if err := json.Unmarshal([]byte(html.UnescapeString(string(text))), &found); err != nil || !ok {
		t.Fatalf("the probe has not answered: %v", err)
	}
	if len(found) != n {
		t.Errorf("%d answers of %d", len(found), n)
	}
	for _, l := range found {
		where := fmt.Sprintf("%s at %d", l.Name, l.Width)
		for what, list := range map[string][]string{
			"wider than the page": l.Wide, "labels that meet": l.Overlaps, "labels that are cut off": l.Outside, "something to load": l.Loads, "without a colour": l.Colours, "text below 12 pixels": l.Small,
		} {
			slices.Sort(list)
			if list = slices.Compact(list); len(list) > 0 {
				t.Errorf("%s: %s: %s", where, what, strings.Join(list[:min(len(list), 5)], "; "))
			}
		}
		if want := len(all[l.Name].charts); l.Charts != want || l.Unnamed > 0 {
			t.Errorf("%s: %d charts, want %d; %d without role, title or description", where, l.Charts, want, l.Unnamed)
		}
	}
}
