package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	verrors "github.com/pb33f/libopenapi-validator/errors"
	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/lun/backend"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/admin"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/control"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/volume"
)

// documented are the answers in the document: "GET /v1/targets 200".
func documented(t *testing.T) map[string]bool {
	t.Helper()
	var d struct {
		Paths map[string]map[string]struct {
			Responses map[string]any `json:"responses"`
		} `json:"paths"`
	}
	must.OK(t, json.Unmarshal(document, &d))
	out := map[string]bool{}
	for path, methods := range d.Paths {
		for method, op := range methods {
			for status := range op.Responses {
				out[strings.ToUpper(method)+" "+path+" "+status] = true
			}
		}
	}
	return out
}

// exchanger sends requests to a server, and compares both sides of each exchange with the document.
type exchanger struct {
	t     *testing.T
	node  *fakeNode
	h     http.Handler
	valid validator.Validator
	seen  map[string]bool // as in documented
	pool  string          // directory of pool fast
}

func newExchanger(t *testing.T) *exchanger {
	t.Helper()
	doc := must.Get(libopenapi.NewDocument(document))(t)
	v, errs := validator.NewValidator(doc)
	must.Be(t, len(errs) == 0, "%v", errs)
	if ok, errs := v.ValidateDocument(); !ok {
		t.Fatalf("the document is not OpenAPI 3.1: %s", explain(errs))
	}
	e := &exchanger{t: t, node: &fakeNode{cfg: fullConfig()}, valid: v, seen: map[string]bool{}, pool: t.TempDir()}
	e.node.cfg.Discovery.Mutual = &config.Account{User: "finder-target", SecretFile: "/s/f"}
	e.node.cfg.Pools[0].Path = e.pool
	p := must.Get(volume.Open(e.pool))(t)
	defer p.Close()
	for _, name := range []string{"served", "free"} {
		must.Get(p.Create(name, 1<<20, true))(t)
	}
	e.node.cfg.Targets[0].LUNs = append(e.node.cfg.Targets[0].LUNs, config.LUN{
		Number: 9, Kind: backend.KindFile, Path: filepath.Join(e.pool, "served.thin"), Exports: []config.Export{{Initiators: []string{host}, Number: 2}},
	})
	status := func(context.Context) (*control.Status, error) {
		return &control.Status{Version: 1, Targets: []control.Target{}}, e.node.err
	}
	latency := func(context.Context, int) (*control.Latency, error) { return &control.Latency{Version: 1}, e.node.err }
	api := New(Options{Node: e.node, Log: quiet(), Secrets: NewSecrets(filepath.Join(t.TempDir(), "secrets"))})
	e.h = control.Answers{Status: status, Latency: latency, API: api}.Handler()
	return e
}

func explain(errs []*verrors.ValidationError) string {
	var out []string
	for _, err := range errs {
		text := err.Message + ": " + err.Reason
		for _, s := range err.SchemaValidationErrors {
			text += "; " + s.FieldPath + ": " + s.Reason
		}
		out = append(out, text)
	}
	return strings.Join(out, "\n")
}

// exchange sends a request and checks its status. wrong: the request is not as in the document.
func (e *exchanger) exchange(r *route, path, body, kind string, access control.Access, status int, wrong bool) {
	e.t.Helper()
	make := func() *http.Request {
		rq := httptest.NewRequest(r.method, "http://ringtgt"+path, strings.NewReader(body))
		if body != "" {
			rq.Header.Set("Content-Type", kind)
		} else {
			rq.Body = http.NoBody
		}
		return rq
	}
	what := fmt.Sprintf("%s %s %.60s", r.method, path, body)
	if !wrong {
		if ok, errs := e.valid.ValidateHttpRequest(make()); !ok {
			e.t.Errorf("%s: the request is not as in the document: %s", what, explain(errs))
		}
	}
	w := httptest.NewRecorder()
	as(access, e.h).ServeHTTP(w, make())
	resp := w.Result()
	text, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != status {
		e.t.Errorf("%s: status %d, want %d: %s", what, resp.StatusCode, status, text)
		return
	}
	resp.Body = io.NopCloser(bytes.NewReader(text))
	rq := make()
	rq.URL.RawQuery = "" // the validator would look at the query again
	if ok, errs := e.valid.ValidateHttpResponse(rq, resp); !ok {
		e.t.Errorf("%s: the answer %d is not as in the document: %s\n%s", what, status, explain(errs), text)
	}
	e.seen[fmt.Sprintf("%s %s %d", r.method, r.pattern, status)] = true
}

// success is a request that succeeds, by route; "" for the routes that need no body.
var success = map[string]string{
	"POST /v1/apply":                                            `{"dry_run": true, "force": true}`,
	"POST /v1/changes":                                          `{"changes": [{"op": "add_pool", "name": "x", "path": "/x"}, {"op": "remove_lun", "target": "iqn.x", "number": 1}]}`,
	"POST /v1/forget":                                           `{"disk": "/srv/a.img"}`,
	"PUT /v1/targets/{target}":                                  `{"alias": "a", "portal_groups": [1, 2]}`,
	"PATCH /v1/targets/{target}":                                `{"alias": "", "limits": {"window": 9, "max_burst_length": "64k"}, "algorithms": ["md5"], "initiator_qos": [{"initiators": ["iqn.x*"], "read_iops": 5}]}`,
	"POST /v1/targets/{target}/luns":                            `{"file": "/srv/b.img", "size": "10G", "thin": true, "qos": {"write_bytes": 1048576, "burst": "1s"}}`,
	"PUT /v1/targets/{target}/luns/{lun}":                       `{"memory": 1048576, "export": [{"initiators": ["iqn.x"], "accounts": ["u"], "lun": 3}]}`,
	"PATCH /v1/targets/{target}/luns/{lun}":                     `{"read_only": true, "export": [], "size": "20GiB", "qos": {}}`,
	"PUT /v1/targets/{target}/accounts/{user}":                  `{"secret": "0123456789abcdef", "initiators": ["iqn.x"]}`,
	"PUT /v1/discovery/accounts/{user}":                         `{"secret_file": "/s/u"}`,
	"PUT /v1/targets/{target}/mutual_chap":                      `{"user": "me", "secret": "0123456789abcdef"}`,
	"PUT /v1/discovery/mutual_chap":                             `{"user": "me", "secret_file": "/s/me"}`,
	"POST /v1/targets/{target}/acl":                             `{"initiators": ["iqn.x*"], "networks": ["192.0.2.7", "2001:db8::/32"]}`,
	"PUT /v1/portals/{listen}":                                  `{"group": 2}`,
	"PUT /v1/pools/{pool}":                                      `{"path": "/srv/slow"}`,
	"PUT /v1/pools/{pool}/volumes/{volume}":                     `{"size": 1048576, "thin": true}`,
	"PATCH /v1/pools/{pool}/volumes/{volume}":                   `{"size": 1048576}`,
	"PUT /v1/pools/{pool}/volumes/{volume}/exports/{initiator}": `{"target": "` + diskTarget + `", "account": "host-1", "lun": 2}`,
}

// queries are what a request needs to succeed.
var queries = map[string]string{
	"DELETE /v1/targets/{target}/acl":             "?initiator=iqn.x&network=192.0.2.0/24&network=2001:db8::1&open=true&force=true",
	"GET /v1/sessions":                            "?target=iqn.x&initiator=iqn.y&account=u&tsih=7&cid=0",
	"DELETE /v1/sessions":                         "?tsih=7&force=true",
	"DELETE /v1/sessions/{tsih}":                  "?cid=1&force=false",
	"DELETE /v1/targets/{target}/accounts/{user}": "?open=true&force=true",
	"GET /v1/latency":                             "?connections=10",
}

func (e *exchanger) path(r *route, volume string) string {
	return strings.NewReplacer("{target}", diskTarget, "{lun}", "0", "{user}", "host-1", "{listen}", "192.0.2.1:3260", "{pool}", "fast",
		"{tsih}", "7", "{volume}", volume, "{initiator}", host).Replace(r.pattern)
}

// The document has every route and every status, no others, and every exchange is as it says.
func TestDocument(t *testing.T) {
	e := newExchanger(t)
	all := append(routes(),
		route{method: http.MethodGet, pattern: "/v1/status"}, route{method: http.MethodGet, pattern: "/v1/latency"})
	for i := range all {
		e.route(&all[i])
	}
	e.volumes()
	want := documented(t)
	for _, answer := range slices.Sorted(maps.Keys(want)) {
		check.That(t, e.seen[answer], "the document has %s, and no request here gets it", answer)
	}
	for _, answer := range slices.Sorted(maps.Keys(e.seen)) {
		check.That(t, want[answer], "the document does not have %s", answer)
	}
	check.That(t, len(want) > 300, "%d answers", len(want))
}

// route gets every answer that all routes of a kind have.
func (e *exchanger) route(r *route) {
	key := r.method + " " + r.pattern
	body, isVolume := success[key], strings.Contains(r.pattern, "{volume}")
	name := "served"
	if key == "DELETE /v1/pools/{pool}/volumes/{volume}" {
		name = "none"
	}
	path := e.path(r, name) + queries[key]
	full := control.AccessChange
	ours := r.handle != nil // not /v1/status and /v1/latency

	e.node.plan = admin.Plan{Steps: []admin.Step{{Verb: admin.Change, Kind: admin.KindLUN, Target: diskTarget, Name: "0", Fields: []string{"size"}}}, Restart: []string{"cores"}, Warnings: []string{"w"}}
	e.node.sessions = []admin.Session{{Target: diskTarget, TSIH: 7, Connections: []admin.Connection{{CID: 1}}}}
	if r.pattern == "/v1/pools/{pool}/volumes/{volume}/exports/{initiator}" {
		e.node.plan = admin.Plan{}
	}
	e.exchange(r, path, body, "application/json", full, 200, false)
	if documented(e.t)[key+" 201"] && !isVolume {
		e.node.plan.Steps[0].Verb = admin.Add
		e.exchange(r, path, body, "application/json", full, 201, false)
	}
	access := control.AccessNone
	if r.changes() {
		access = control.AccessRead
	}
	if ours {
		e.exchange(r, path, body, "application/json", access, 403, false)
		e.exchange(r, e.path(r, "served")+"?unknown=1", body, "application/json", full, 400, true)
	} else {
		e.admitted(r, path)
		e.node.err = errors.New("a loop does not answer")
		e.exchange(r, path, body, "application/json", full, 503, false)
		e.node.err = nil
	}
	if body != "" {
		e.exchange(r, path, `{"x": "`+strings.Repeat("x", maxBody)+`"}`, "application/json", full, 413, true)
		e.exchange(r, path, body, "text/plain", full, 415, true)
	}
	e.failures(r, key, body, isVolume)
	if strings.Contains(r.pattern, "{target}") && !r.changes() {
		e.exchange(r, strings.Replace(path, diskTarget, "iqn.none", 1), body, "application/json", full, 404, false)
	}
}

// failures gets the answers to errors of the node.
func (e *exchanger) failures(r *route, key, body string, isVolume bool) {
	if !r.changes() && key != "GET /v1/sessions" {
		return
	}
	name := "served" // its changes reach the node
	if key == "PUT /v1/pools/{pool}/volumes/{volume}" {
		name = "new"
	} else if key == "DELETE /v1/pools/{pool}/volumes/{volume}" {
		name = "none"
	} else if key == "PATCH /v1/pools/{pool}/volumes/{volume}" {
		body = `{"size": "2M"}`
	}
	path := e.path(r, name) + queries[key]
	for _, f := range []struct {
		err    error
		status int
	}{
		{admin.ErrNotFound, 404}, {admin.ErrExists, 409}, {admin.ErrFileOwned, 409}, {admin.ErrInUse, 409}, {admin.ErrBusy, 409},
		{config.Problems{{Text: "is wrong"}}, 422}, {ErrUnavailable, 503}, {context.DeadlineExceeded, 504}, {syscall.ENOSPC, 507},
	} {
		if !r.changes() && f.status < 500 || !r.changes() && f.status == 507 {
			continue
		}
		if f.status == 404 && isVolume { // that of Forget is none
			e.exchange(r, strings.Replace(path, "/fast/", "/none/", 1), body, "application/json", control.AccessChange, 404, false)
			continue
		}
		e.node.err = fmt.Errorf("that: %w", f.err)
		e.exchange(r, path, body, "application/json", control.AccessChange, f.status, false)
	}
	e.node.err = nil
}

// admitted gets the answer of the socket to a caller without access.
func (e *exchanger) admitted(r *route, path string) {
	h := e.h
	defer func() { e.h = h }()
	e.h = control.Admit(h)
	e.exchange(r, path, "", "", control.AccessNone, 403, false)
}

// volumes gets the answers that only volumes have.
func (e *exchanger) volumes() {
	find := func(method, pattern string) *route {
		all := routes()
		return &all[slices.IndexFunc(all, func(r route) bool { return r.method == method && r.pattern == pattern })]
	}
	const all, one = "/v1/pools/{pool}/volumes", "/v1/pools/{pool}/volumes/{volume}"
	const export = one + "/exports/{initiator}"
	full := control.AccessChange
	send := func(method, pattern, path, body string, status int) {
		e.t.Helper()
		e.exchange(find(method, pattern), path, body, "application/json", full, status, false)
	}
	send("GET", all, "/v1/pools/none/volumes", "", 404)
	send("GET", one, "/v1/pools/fast/volumes/none", "", 404)
	send("GET", one, "/v1/pools/fast/volumes/.new-x", "", 422)
	send("PUT", one, "/v1/pools/fast/volumes/v", `{"size": "4M"}`, 201)
	send("PUT", one, "/v1/pools/fast/volumes/v", `{"size": "4M"}`, 200)
	send("PUT", one, "/v1/pools/fast/volumes/v", `{"size": "8M"}`, 409)
	send("PUT", one, "/v1/pools/fast/volumes/w", `{"size": 511}`, 422)
	send("PUT", one, "/v1/pools/fast/volumes/w", `{"size": "1P"}`, 507)
	send("PATCH", one, "/v1/pools/fast/volumes/v", `{"size": "8M"}`, 200)
	send("PATCH", one, "/v1/pools/fast/volumes/v", `{"size": "1M"}`, 422)
	send("DELETE", one, "/v1/pools/fast/volumes/served", "", 409)
	send("DELETE", one, "/v1/pools/fast/volumes/v", "", 200)
	e.node.plan = admin.Plan{Steps: []admin.Step{{Verb: admin.Add, Kind: admin.KindLUN, Target: diskTarget, Name: "0"}}}
	send("PUT", export, "/v1/pools/fast/volumes/free/exports/"+host, `{"target": "`+diskTarget+`"}`, 201)
	e.node.plan = admin.Plan{Steps: []admin.Step{{Verb: admin.Remove, Kind: admin.KindLUN, Target: diskTarget, Name: "9"}}}
	send("DELETE", export, "/v1/pools/fast/volumes/served/exports/"+host, "", 200)
	send("GET", "/v1/config", "/v1/config?format=toml", "", 200)
	send("GET", "/v1/targets/{target}/luns/{lun}", "/v1/targets/"+diskTarget+"/luns/77", "", 404)
	if _, err := os.Stat(filepath.Join(e.pool, "w.img")); err == nil {
		e.t.Error("a volume that did not fit is there")
	}
}

// Each schema of the document has the names of the Go type that it describes.
func TestSchemasHaveTheNamesOfTypes(t *testing.T) {
	var d struct {
		Components struct {
			Schemas map[string]struct {
				Properties map[string]any `json:"properties"`
			} `json:"schemas"`
		} `json:"components"`
	}
	must.OK(t, json.Unmarshal(document, &d))
	other := []string{"Size", "Network", "Status", "Latency", "Accounts", "Owner"} // no objects, or described in part
	types := map[string]any{
		"Problem": Problem{}, "Detail": Detail{}, "Step": admin.Step{}, "Result": Result{}, "Export": Export{}, "QoS": QoS{},
		"InitiatorQoS": HostQoS{}, "LUN": LUN{}, "LUNChange": LUNChange{}, "Limits": Limits{}, "Account": Account{}, "NewAccount": NewAccount{},
		"ACL": ACL{}, "Redirect": Redirect{}, "Access": Access{}, "Target": Target{}, "NewTarget": NewTarget{}, "TargetChange": TargetChange{},
		"Portal": Portal{}, "NewPortal": NewPortal{}, "Pool": Pool{}, "NewPool": NewPool{}, "Volume": Volume{}, "VolumeExport": VolumeExport{},
		"NewVolume": NewVolume{}, "VolumeChange": VolumeChange{}, "NewExport": NewExport{}, "Connection": admin.Connection{}, "Session": admin.Session{},
		"Sessions": Sessions{}, "Apply": Apply{}, "Forget": Forget{}, "Changes": Changes{}, "Daemon": Daemon{}, "Metrics": Metrics{}, "Listen": Listen{}, "Config": Config{},
	}
	for name, s := range d.Components.Schemas {
		v, ok := types[name]
		if !ok {
			check.That(t, slices.Contains(other, name), "schema %s has no type here", name)
			continue
		}
		got, want := slices.Sorted(maps.Keys(s.Properties)), jsonNames(reflect.TypeOf(v))
		check.That(t, slices.Equal(got, want), "schema %s has %v, the type %v", name, got, want)
	}
	check.Equal(t, len(d.Components.Schemas), len(types)+len(other), "schemas")
}

func jsonNames(t reflect.Type) (out []string) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-":
		case f.Anonymous && name == "":
			out = append(out, jsonNames(f.Type)...)
		default:
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
