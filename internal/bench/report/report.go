// Package report writes a result as one self-contained HTML page, without network access and external fonts or scripts. It
// draws the charts as SVG. The page contains the result as JSON.
package report

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/ringtgt/ringtgt/internal/bench/result"
)

var (
	//go:embed page.html
	pageHTML string
	//go:embed figure.html
	figureHTML string
	//go:embed page.css
	pageCSS string
	//go:embed page.js
	pageJS string
)

// Write writes the page of a result. It fails for none or several results, and when w does.
func Write(w io.Writer, d result.Document) error {
	data, err := json.Marshal(d) // escapes <, > and &
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	var v view
	switch {
	case d.Run != nil:
		v = viewRun(d.Run)
	case d.Comparison != nil:
		v = viewComparison(d.Comparison)
	case d.Sweep != nil:
		v = viewSweep(d.Sweep)
	}
	v.CSS, v.JS, v.JSON = template.CSS(pageCSS), template.JS(pageJS), template.JS(data) //nolint:gosec // ours, and JSON with < escaped
	// Of scripts ours alone runs. A page that a ticket system has changed on its way keeps its looks.
	v.Policy = "default-src 'none'; style-src 'unsafe-inline'; script-src '" + digest(pageJS) + "'; base-uri 'none'; form-action 'none'"
	t, err := newTemplate(pageHTML)
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	var b bytes.Buffer // an error in the middle leaves no half page
	if err := t.Execute(&b, v); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	_, err = w.Write(b.Bytes())
	return err
}

// newTemplate parses a template that may use "figure", the HTML of a chart.
func newTemplate(text string) (*template.Template, error) {
	t, err := template.New("page").Funcs(template.FuncMap{"clean": result.Clean}).Parse(text)
	if err != nil {
		return nil, err
	}
	return t.Parse(figureHTML)
}

// digest is how a content security policy names a text that is part of the page.
func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// shell quotes a command for a POSIX shell.
func shell(command []string) string {
	words := make([]string, len(command))
	for i, w := range command {
		words[i] = w
		if w == "" || strings.ContainsFunc(w, special) {
			words[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(words, " ")
}

func special(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-./:=,@%+", r))
}
