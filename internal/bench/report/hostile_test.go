package report

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/bench/result"
	"github.com/ringtgt/ringtgt/internal/bench/result/resulttest"
)

// evil is what a peer may call itself: it ends every context that a page has, loads, runs, and goes over the edge.
const evil = `</script></title></style></svg><script>alert(1)</script><img src=x onerror=alert(2)>"'` + "`" + `&<!--{{.Title}}` + "\x00\x1b[2J\u202e" + `]]>`

// hostileRun is a run of which every text is evil or long.
func hostileRun() *result.Run {
	r := resulttest.Run(resulttest.Shape{Sessions: 2, Conns: 4, CPUs: 2})
	for _, s := range []*string{
		&r.Ended, &r.Workload.RW, &r.Workload.BlockSize, &r.Workload.Digests, &r.Target.URL, &r.Target.Vendor, &r.Target.Product, &r.Target.Revision, &r.Target.Software,
		&r.Target.Kernel, &r.Client.Kernel, &r.Client.CPU, &r.Client.Ringtgt, &r.Client.Go,
	} {
		*s = evil
	}
	r.Target.Name = "iqn." + strings.Repeat("x", 220)
	r.Command = []string{"ringtgt", "bench", evil, strings.Repeat("y", 300), "it's"}
	r.Notes = []string{evil, strings.Repeat("z", 400)}
	r.Target.Negotiated = map[string]string{evil: evil, strings.Repeat("Key", 40): strings.Repeat("1", 300)}
	return r
}

// hostileComparison and hostileSweep are made of it.
func hostileComparison() *result.Comparison {
	r := hostileRun()
	sides := []result.Side{{Name: evil, Runs: []result.Run{*r, *r}}, {Name: strings.Repeat("side", 50), Runs: []result.Run{*r, *r}}}
	return &result.Comparison{
		Version: result.Version, Command: r.Command, Client: r.Client, Sides: sides,
		Rate: 7, Ratios: []map[string]result.Spread{{result.FigureIOPS: {Median: 1, Low: 0.001234, High: 123456}, evil: {Median: 3}}}, Noise: r.Notes,
	}
}

func hostileSweep() *result.Sweep {
	r := hostileRun()
	return &result.Sweep{
		Version: result.Version, Command: r.Command, Parameter: evil,
		Points: []result.Point{{Value: evil, Run: *r}, {Value: strings.Repeat("value", 40), Run: *r}, {Value: "2", Run: *r}}, Knee: 1,
	}
}

// No text leaves the place that it is shown in, in any kind of page.
func TestHostile(t *testing.T) {
	for name, p := range map[string]result.Document{
		"run":        {Run: hostileRun()},
		"comparison": {Comparison: hostileComparison()},
		"sweep":      {Sweep: hostileSweep()},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := Write(&b, p); err != nil {
				t.Fatal(err)
			}
			page := b.String()
			for tag, want := range map[string]int{"<script": 2, "</script": 2, "<style": 1, "</style": 1, "<title>": -1, "<img": 0, "<!--": 0, "<body": 1, "<meta": 5, "\x00": 0, "\x1b": 0, "\u202e": -1} {
				if n := strings.Count(page, tag); want >= 0 && n != want {
					t.Errorf("%q %d times, want %d", tag, n, want)
				}
			}
			if a, b := strings.Count(page, "<title>"), strings.Count(page, "</title>"); a != b {
				t.Errorf("%d titles begin and %d end", a, b)
			}
			if a, b := strings.Count(page, "<svg"), strings.Count(page, "</svg>"); a != b {
				t.Errorf("%d svg begin and %d end", a, b)
			}
			shown, _, _ := strings.Cut(page, dataStart)
			if strings.Contains(shown, "\u202e") {
				t.Error("text that is shown turns the direction of writing")
			}
			var d struct {
				Command []string `json:"command"`
			}
			if err := json.Unmarshal(embedded(t, b.Bytes()), &d); err != nil {
				t.Fatal(err)
			}
			if got := d.Command; got[2] != strings.ToValidUTF8(evil, "\ufffd") {
				t.Errorf("read back as %q", got[2])
			}
		})
	}
}

// A command can be pasted into a shell as it is.
func TestShell(t *testing.T) {
	for _, c := range []struct {
		command []string
		want    string
	}{
		{[]string{"ringtgt", "bench", "iscsi://[::1]:3260/iqn.2026-11.io.ringtgt:disk0/0"}, "ringtgt bench 'iscsi://[::1]:3260/iqn.2026-11.io.ringtgt:disk0/0'"},
		{[]string{"a", "", "b c", "--bssplit=4k/60:64k/40", "iodepth=1..128"}, "a '' 'b c' --bssplit=4k/60:64k/40 iodepth=1..128"},
		{[]string{"it's", "$(reboot)", "a\nb", "~", "é"}, `'it'\''s' '$(reboot)' 'a` + "\n" + `b' '~' 'é'`},
	} {
		if got := shell(c.command); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}
