package monitoring

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/heatmap"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
)

const dashboardFile = "../../docs/grafana/ringtgt.json"

// The dashboard has every field that Grafana's schema requires, of the type that it wants, and none that it does not know.
func TestDashboardSchema(t *testing.T) {
	runtime := cog.NewRuntime()
	runtime.RegisterPanelcfgVariant(heatmap.VariantConfig())
	runtime.RegisterPanelcfgVariant(stat.VariantConfig())
	runtime.RegisterPanelcfgVariant(timeseries.VariantConfig())
	runtime.RegisterDataqueryVariant(prometheus.VariantConfig())
	text := must.Get(os.ReadFile(dashboardFile))(t)
	must.Be(t, violations(text) == "", "%s", violations(text))
	// The check sees mistakes.
	for _, mistake := range [][2]string{{`"graphTooltip": 1`, `"graphTooltip": "one"`}, {`"gridPos"`, `"gridPosition"`}} {
		broken := strings.Replace(string(text), mistake[0], mistake[1], 1)
		must.Be(t, broken != string(text), "there is no %s", mistake[0])
		check.That(t, violations([]byte(broken)) != "", "%s passes", mistake[1])
	}
}

// violations returns in which ways a dashboard violates the schema, "" if in none. An error without text is none: the library wraps
// empty lists of errors.
func violations(text []byte) string {
	//lint:ignore SA1019 Grafana 12 still imports dashboards of this schema, and older versions know no other.
	if err := new(dashboard.Dashboard).UnmarshalJSONStrict(text); err != nil {
		return err.Error()
	}
	return ""
}

// expressions returns the dashboard's queries, with the variables of Grafana replaced by values.
func expressions(t *testing.T) (all []string) {
	var d struct {
		Panels []struct {
			Targets []struct{ Expr string }
		}
	}
	must.OK(t, json.Unmarshal(must.Get(os.ReadFile(dashboardFile))(t), &d))
	values := strings.NewReplacer("$__rate_interval", "5m", "$instance", ".*", "$target", ".*", "$lun", ".*", "$operation", ".*")
	for _, p := range d.Panels {
		for _, q := range p.Targets {
			all = append(all, values.Replace(q.Expr))
		}
	}
	return all
}
