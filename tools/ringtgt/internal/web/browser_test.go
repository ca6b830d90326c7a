package web

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"html"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/internal/need"
)

// browserTimeout ends a browser that hangs; it is no part of what is tested.
const browserTimeout = 2 * time.Minute

// browse opens a URL in Debian's chromium and returns the DOM that scripts have left behind and the console.
func browse(t *testing.T, url, screenshot string, width, height int, flags ...string) (dom string, console []string) {
	t.Helper()
	path := need.Program(t, "chromium", "chromium")
	ctx, cancel := context.WithTimeout(t.Context(), browserTimeout)
	defer cancel()
	args := []string{
		"--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run", "--disable-extensions", "--disable-background-networking",
		"--disable-dev-shm-usage", "--force-device-scale-factor=1", "--user-data-dir=" + t.TempDir(), "--enable-logging=stderr",
		"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", fmt.Sprintf("--window-size=%d,%d", width, height), "--dump-dom",
	}
	if screenshot != "" {
		args = append(args, "--screenshot="+screenshot)
	}
	cmd := exec.CommandContext(ctx, path, append(append(args, flags...), url)...)
	cmd.WaitDelay = time.Second
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	must.OK(t, cmd.Run(), "chromium: %s", log.String())
	for line := range strings.Lines(log.String()) {
		if strings.Contains(line, ":CONSOLE") {
			console = append(console, line)
		}
	}
	return out.String(), console
}

// pictures is where screenshots are kept, "": nowhere.
var pictures = os.Getenv("RINGTGT_PICTURES")

// In a browser the page says nothing on the console (a load that its policy stops would), shows its charts and replaces its parts.
func TestBrowser(t *testing.T) {
	f := newFake()
	srv := httptest.NewServer(f.handler(t))
	defer srv.Close()
	f.run(t, 400)
	shot := func(name string) string {
		if pictures == "" {
			return ""
		}
		return filepath.Join(pictures, name+".png")
	}
	dom, console := browse(t, srv.URL, shot("page-1400"), 1400, 1900, "--virtual-time-budget=5000")
	check.That(t, len(console) == 0, "on the console:\n%s", strings.Join(console, ""))
	for _, want := range []string{"<title>Latency of reads and writes</title>", "<title>Commands per second</title>", "<title>Data per second</title>", "wwn-0x", "debian:01:abc"} {
		check.That(t, strings.Contains(dom, want), "no %q in the page", want)
	}
	check.That(t, !strings.Contains(dom, "<script>alert"), "an initiator's name became a script")
	check.That(t, f.asked("/page/now") > 0, "the page has not refreshed itself")
	if pictures != "" {
		browse(t, srv.URL, shot("page-400"), 400, 3600)
		browse(t, srv.URL, shot("page-dark"), 1400, 1900, "--force-dark-mode")
		f.lost = true
		browse(t, srv.URL, shot("page-lost"), 1400, 1000)
		browse(t, srv.URL, shot("page-800"), 800, 2400)
	}
}

// At 1400, 800 and 400 pixels nothing sticks out of the page and no text is smaller than 12 pixels, whatever initiators call
// themselves.
func TestLayout(t *testing.T) {
	f := newFake()
	mux := f.handler(t)
	f.run(t, 400)
	get := func(path string) string {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		return w.Body.String()
	}
	page := strings.Replace(get("/"), `<link rel="stylesheet" href="/page/page.css">`, "<style>"+get("/page/page.css")+"</style>", 1)
	page = regexp.MustCompile(`<script.*?</script>`).ReplaceAllString(page, "")
	var frames strings.Builder
	widths := []int{1400, 800, 400}
	for _, w := range widths {
		fmt.Fprintf(&frames, `<iframe name="page" width="%d" height="3000" srcdoc="%s"></iframe>`, w, html.EscapeString(page))
	}
	probe := must.Get(os.ReadFile("../../../../internal/bench/report/probe_test.js"))(t)
	file := filepath.Join(t.TempDir(), "probe.html")
	text := `<!DOCTYPE html><meta charset="utf-8"><body>` + frames.String() + `<pre id="found"></pre><script>` + string(probe) + `</script></body>`
	must.OK(t, os.WriteFile(file, []byte(text), 0o600))
	dom, _ := browse(t, "file://"+file, "", 1500, 1000)
	_, rest, _ := strings.Cut(dom, `<pre id="found">`)
	answer, _, _ := strings.Cut(rest, "</pre>")
	var found []struct {
		Width, Charts, Unnamed                         int
		Wide, Overlaps, Outside, Loads, Colours, Small []string
	}
	must.OK(t, json.Unmarshal([]byte(html.UnescapeString(answer)), &found))
	must.Be(t, len(found) == len(widths), "%d answers", len(found))
	for _, l := range found {
		if l.Width == 1400 { // there are two charts beside each other
			l.Outside = slices.DeleteFunc(l.Outside, func(s string) bool { return strings.Contains(s, "pixels for the plot") })
		}
		check.That(t, l.Charts == 3 && l.Unnamed == 0, "at %d: %d charts, %d without a name", l.Width, l.Charts, l.Unnamed)
		for what, list := range map[string][]string{"wider than the page": l.Wide, "labels that meet": l.Overlaps, "cut off": l.Outside, "without a colour": l.Colours, "text below 12 pixels": l.Small} {
			check.That(t, len(list) == 0, "at %d: %s: %s", l.Width, what, strings.Join(list[:min(len(list), 5)], "; "))
		}
	}
}
