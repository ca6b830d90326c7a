package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
)

// dashboard is the part of Grafana's model that the test below checks.
type dashboard struct {
	Title, UID    string
	SchemaVersion int
	Templating    struct {
		List []struct{ Name, Type, Definition string }
	}
	Panels []struct {
		ID                       int
		Type, Title, Description string
		GridPos                  struct{ H, W, X, Y int }
		Datasource               *struct{ Type, UID string }
		Targets                  []struct {
			RefID, Expr, LegendFormat string
			Datasource                struct{ Type, UID string }
		}
	}
}

var (
	metricName = regexp.MustCompile(`\b(?:ringtgt|process|go)_[a-z0-9_]+`)
	variable   = regexp.MustCompile(`\$(?:__)?\{?([a-z_]+)`)
	selected   = regexp.MustCompile(`([a-z_]+)(?:=~|!=|=)"`)
)

// The dashboard can be imported, and a daemon exports every metric and label in it.
func TestDashboard(t *testing.T) {
	text := must.Get(os.ReadFile(filepath.Join(repository, "docs/grafana/ringtgt.json")))(t)
	var d dashboard
	must.OK(t, json.Unmarshal(text, &d))
	if d.Title != "ringtgt" || d.UID != "ringtgt" || d.SchemaVersion < 36 || len(d.Panels) < 20 {
		t.Errorf("%s, %s, version %d, %d panels", d.Title, d.UID, d.SchemaVersion, len(d.Panels))
	}
	s := serveFile(t, `
[metrics]
listen = "127.0.0.1:0"
stages = true
[[portal]]
listen = "127.0.0.1:0"
[[target]]
name = "iqn.2026-11.com.example:all"
[[target.lun]]
lun = 0
file = "disk.img"
size = "1MiB"
`)
	there, labels := map[string]bool{}, map[string]bool{"instance": true} // Prometheus's own
	for sample := range s.metrics(t) {
		name, rest, _ := strings.Cut(sample, "{")
		there[name] = true
		for _, l := range selected.FindAllStringSubmatch(rest, -1) {
			labels[l[1]] = true
		}
	}
	known := map[string]bool{"rate_interval": true}
	expression := func(where, expr string) {
		names := metricName.FindAllString(expr, -1)
		if len(names) == 0 || strings.Count(expr, "(") != strings.Count(expr, ")") || strings.Count(expr, "{") != strings.Count(expr, "}") {
			t.Errorf("%s: %s", where, expr)
		}
		for _, name := range names {
			check.That(t, there[name], "%s: no daemon has %s", where, name)
		}
		for _, l := range selected.FindAllStringSubmatch(expr, -1) {
			check.That(t, labels[l[1]], "%s: no metric has a label %s", where, l[1])
		}
		for _, v := range variable.FindAllStringSubmatch(expr, -1) {
			check.That(t, known[v[1]], "%s: there is no variable %s", where, v[1])
		}
	}
	for _, v := range d.Templating.List {
		if v.Type == "query" {
			expression("variable "+v.Name, v.Definition)
		}
		known[v.Name] = true
	}
	ids, taken := map[int]bool{}, map[[2]int]string{}
	for _, p := range d.Panels {
		check.That(t, !ids[p.ID] && p.ID != 0 && p.Title != "", "panel %d %q: a number of its own and a title are needed", p.ID, p.Title)
		ids[p.ID] = true
		g := p.GridPos
		check.That(t, g.W >= 1 && g.H >= 1 && g.X >= 0 && g.X+g.W <= 24, "%s lies at %+v: the grid is 24 wide", p.Title, g)
		for x := g.X; x < g.X+g.W; x++ {
			for y := g.Y; y < g.Y+g.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" {
					t.Fatalf("%s lies on %s", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		if len(p.Targets) == 0 || p.Description == "" || p.Datasource == nil || p.Datasource.UID != "${datasource}" {
			t.Errorf("%s: %d queries of %v, described %q", p.Title, len(p.Targets), p.Datasource, p.Description)
		}
		refs := map[string]bool{}
		for _, q := range p.Targets {
			if refs[q.RefID] || q.Datasource.UID != "${datasource}" || q.Datasource.Type != "prometheus" {
				t.Errorf("%s: query %q of %v", p.Title, q.RefID, q.Datasource)
			}
			refs[q.RefID] = true
			expression(p.Title, q.Expr)
			for _, l := range regexp.MustCompile(`\{\{([a-z_]+)\}\}`).FindAllStringSubmatch(q.LegendFormat, -1) {
				check.That(t, l[1] == "le" || labels[l[1]], "%s: no metric has a label %s", p.Title, l[1])
			}
		}
	}
}
