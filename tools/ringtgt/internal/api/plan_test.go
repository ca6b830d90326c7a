package api

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/admin"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/control"
)

// aPlan changes an object of every kind.
func aPlan() *admin.Plan {
	old, next := fullConfig(), fullConfig()
	next.Server.LogLevel, next.Portals[0].Group, next.Pools[0].Path = slog.LevelDebug, 3, "/srv/faster"
	next.Discovery.Accounts[0].User = "seeker"
	next.Targets[0].Alias, next.Targets[0].LUNs[0].Size = "more disks", 20<<30
	next.Targets[0].LUNs = append(next.Targets[0].LUNs[:3], config.LUN{Number: 4, Kind: "mem", Size: 1 << 20})
	return admin.Diff(old, next)
}

// A client shows the same plan as the daemon logs, with the values before and after.
func TestPlanHasValues(t *testing.T) {
	node := &fakeNode{cfg: fullConfig(), plan: *aPlan()}
	plan := must.Get(serveFake(t, node, Options{}).Apply(t.Context(), true, false))(t)
	var got, want bytes.Buffer
	plan.Print(&got)
	aPlan().Print(&want)
	check.Equal(t, got.String(), want.String(), "the plan of a client:")
	for _, text := range []string{"size 10 GiB to 20 GiB", "log_level warn to debug", `alias "the disks" to "more disks"`, "group 1 to 3", "path /srv/fast to /srv/faster", "+ lun 4 of " + diskTarget + ": memory, 1.0 MiB", "- lun 3"} {
		check.That(t, strings.Contains(strings.Join(strings.Fields(got.String()), " "), text), "%q is missing in\n%s", text, got.String())
	}
}

// A program reads from the answer what changes, and whether it was done; the log says done only then.
func TestPlanSaysWhetherItWasCarriedOut(t *testing.T) {
	for _, tt := range []struct {
		what, body    string
		plan          *admin.Plan
		changed, done bool
		log           string
	}{
		{"a dry run", `{"dry_run": true}`, aPlan(), false, false, "change planned: nothing was changed"},
		{"an apply", `{}`, aPlan(), true, true, "change done"},
		{"the same again", `{}`, &admin.Plan{}, false, true, "change requested: it is so already"},
	} {
		var log bytes.Buffer
		s := New(Options{Node: &fakeNode{cfg: fullConfig(), plan: *tt.plan}, Log: slog.New(slog.NewTextHandler(&log, nil))})
		w := send(t, s, control.AccessChange, http.MethodPost, "/v1/apply", tt.body)
		var got struct {
			Changed    *bool `json:"changed"`
			CarriedOut *bool `json:"carried_out"`
			Steps      []struct {
				Kind     string
				Fields   []string
				Old, New map[string]any
			}
		}
		must.OK(t, json.Unmarshal(w.Body.Bytes(), &got))
		must.Be(t, got.Changed != nil && got.CarriedOut != nil, "%s: %s", tt.what, w.Body)
		check.Equal(t, *got.Changed, tt.changed, "%s: changed", tt.what)
		check.Equal(t, *got.CarriedOut, tt.done, "%s: carried_out", tt.what)
		check.That(t, strings.Contains(log.String(), `msg="`+tt.log+`"`), "%s: the log has %s", tt.what, log.String())
		check.Equal(t, len(got.Steps), len(tt.plan.Steps), "%s: steps", tt.what)
		for _, st := range got.Steps {
			if st.Kind == "lun" && len(st.Fields) == 1 && st.Fields[0] == "size" {
				check.That(t, st.Old["size"] == float64(10<<30) && st.New["size"] == float64(20<<30), "%s: %v to %v", tt.what, st.Old["size"], st.New["size"])
			}
		}
	}
}
