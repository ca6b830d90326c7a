// Package web serves a page with the state of the daemon, for a browser: health, LUNs, sessions, live figures and charts. It is
// read-only and loads nothing from elsewhere. Requests take the samples, so that it costs nothing while nobody looks.
package web

import (
	"bytes"
	_ "embed"
	"html/template"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/ringtgt/ringtgt/engine"
	"github.com/ringtgt/ringtgt/internal/bench/report"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/control"
)

// Source is the daemon.
type Source struct {
	// Read returns a reading of the engine that is at most a second old.
	Read func() (*engine.Latency, error)
	// Status returns what needs no loop: daemon, health, targets, sessions, warnings.
	Status func() *control.Status
	// Line is the health in one line.
	Line func(*control.Status) string
	Host string
}

var (
	//go:embed page.html
	pageHTML string
	//go:embed page.css
	pageCSS string
	//go:embed page.js
	pageJS string
)

// policy allows the page's own style sheet and script. Positions in charts are style attributes.
const policy = "default-src 'none'; style-src 'self'; style-src-attr 'unsafe-inline'; script-src 'self'; connect-src 'self'; " +
	"img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// page serves the page.
type page struct {
	src      Source
	template *template.Template
	history  history

	mu    sync.Mutex // one rendering at a time
	parts map[string]part
}

// part is a part of the page, kept for a moment for all who look.
type part struct {
	at   time.Time
	text []byte
}

// Register adds the page's paths to a mux: /, and below /page/ what it loads.
func Register(mux *http.ServeMux, src Source) error {
	_, err := register(mux, src)
	return err
}

func register(mux *http.ServeMux, src Source) (*page, error) {
	t, err := report.NewPage(pageHTML)
	if err != nil {
		return nil, err
	}
	p := &page{src: src, template: t, parts: map[string]part{}}
	mux.HandleFunc("GET /{$}", p.serve("document"))
	for _, name := range []string{"now", "charts"} {
		mux.HandleFunc("GET /page/"+name, p.serve(name))
	}
	for name, file := range map[string][2]string{"page.css": {"text/css", report.CSS() + pageCSS}, "page.js": {"text/javascript", pageJS}} {
		mux.HandleFunc("GET /page/"+name, func(w http.ResponseWriter, _ *http.Request) {
			headers(w, file[0])
			io.WriteString(w, file[1])
		})
	}
	return p, nil
}

func headers(w http.ResponseWriter, kind string) {
	h := w.Header()
	h.Set("Content-Type", kind+"; charset=utf-8")
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}

// serve answers with a part of the page, or with the whole document.
func (p *page) serve(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		text, err := p.part(name)
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		headers(w, "text/html")
		w.Write(text)
	}
}

// part renders a part of the page, or returns one that was rendered a moment ago.
func (p *page) part(name string) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if have, ok := p.parts[name]; ok && time.Since(have.at) < sampleEvery/2 {
		return have.text, nil
	}
	l, err := p.src.Read()
	if err != nil {
		return nil, err
	}
	p.history.sample(l)
	var b bytes.Buffer
	if err := p.template.ExecuteTemplate(&b, name, p.view()); err != nil {
		return nil, err
	}
	p.parts[name] = part{time.Now(), b.Bytes()}
	return b.Bytes(), nil
}
