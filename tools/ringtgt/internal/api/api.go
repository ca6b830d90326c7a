// Package api is the daemon's HTTP interface /v1: targets, logical units, sessions, accounts, portals, pools and volumes as JSON, on
// the control socket and on the TLS listener. openapi.json describes it; docs/api.md explains it. A Client asks a daemon and is an
// admin.Node.
package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/admin"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/control"
)

// Options are what a Server serves.
type Options struct {
	Node    admin.Node
	Secrets *Secrets // nil: there is no state directory, and accounts need a secret_file
	Log     *slog.Logger
	// Bytes returns the size of a unit; 0: it is not served. nil: answers have no sizes.
	Bytes func(target string, lun int) int64
}

// Server is the handler of /v1.
type Server struct {
	Options
	mux     *http.ServeMux
	volumes keyed
}

// New returns the handler. control.Answers serves /v1/status and /v1/latency beside it.
func New(o Options) *Server {
	s := &Server{Options: o, mux: http.NewServeMux()}
	for _, r := range routes() {
		s.mux.Handle(r.method+" "+r.pattern, s.handler(r))
	}
	return s
}

// route is one method of one path.
type route struct {
	method, pattern string
	query           []string // the parameters that it has
	handle          func(*Server, *request) (*reply, error)
}

// changes reports whether the route changes anything; only then a reader may not use it.
func (r *route) changes() bool { return r.method != http.MethodGet }

func routes() []route {
	return slices.Concat(configRoutes(), targetRoutes(), lunRoutes(), accessRoutes(), sessionRoutes(), portalRoutes(), poolRoutes(), volumeRoutes())
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h, pattern := s.mux.Handler(r)
	if pattern != "" {
		s.mux.ServeHTTP(w, r)
		return
	}
	probe := &refusal{header: http.Header{}}
	h.ServeHTTP(probe, r)
	switch allow := probe.header.Get("Allow"); {
	case allow != "":
		w.Header().Set("Allow", allow)
		writeProblem(w, problem(http.StatusMethodNotAllowed, CodeNoMethod, r.Method+" is not possible here; possible are "+allow))
	default:
		writeProblem(w, problem(http.StatusNotFound, CodeNoRoute, "there is no "+strconv.Quote(r.URL.Path)))
	}
}

// refusal records which answer ServeMux would give to a request without a handler.
type refusal struct{ header http.Header }

func (r *refusal) Header() http.Header         { return r.header }
func (r *refusal) Write(p []byte) (int, error) { return len(p), nil }
func (r *refusal) WriteHeader(int)             {}

// handler runs a route. A change that has arrived completely is carried out even if its client goes away: its context has a deadline
// of its own.
func (s *Server) handler(route route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller := control.CallerOf(r.Context())
		limit, ctx := readTime, r.Context()
		need := control.AccessRead
		if route.changes() {
			limit, ctx, need = changeTime, context.WithoutCancel(ctx), control.AccessChange
		}
		if caller.Access < need {
			writeProblem(w, problem(http.StatusForbidden, CodeForbidden, caller.Name+" may not "+need.String()))
			return
		}
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		// The server's own deadline suits a status; this one starts again when the answer is complete.
		rc := http.NewResponseController(w)
		_ = rc.SetWriteDeadline(time.Now().Add(limit + answerTime)) // not supported by test recorders
		rp, err := s.run(ctx, route, w, r)
		_ = rc.SetWriteDeadline(time.Now().Add(answerTime))
		if route.changes() {
			s.logChange(caller, r, rp, err)
		}
		if err != nil {
			writeProblem(w, problemOf(err))
			return
		}
		rp.write(w)
	})
}

func (s *Server) run(ctx context.Context, route route, w http.ResponseWriter, r *http.Request) (*reply, error) {
	rq := &request{http: r, ctx: ctx}
	if err := rq.read(w, route.query); err != nil {
		return nil, err
	}
	return route.handle(s, rq)
}

func (s *Server) logChange(c control.Caller, r *http.Request, rp *reply, err error) {
	log := s.Log.With("by", c.Name, "method", r.Method, "path", r.URL.Path)
	if err != nil {
		log.Warn("change refused", "err", err)
		return
	}
	log.Info(rp.outcome.String())
}

// request is a request whose body has been read.
type request struct {
	http  *http.Request
	ctx   context.Context
	body  []byte
	flags map[string][]string
}

// read reads the whole body before anything is done, and checks the query.
func (r *request) read(w http.ResponseWriter, known []string) error {
	r.flags = r.http.URL.Query()
	for name := range r.flags {
		if !slices.Contains(known, name) {
			return fmt.Errorf("%w: there is no parameter %q", ErrMalformed, name)
		}
	}
	var err error
	var long *http.MaxBytesError
	if r.body, err = io.ReadAll(http.MaxBytesReader(w, r.http.Body, maxBody)); errors.As(err, &long) {
		return problem(http.StatusRequestEntityTooLarge, CodeTooLarge, fmt.Sprintf("the body is longer than %d bytes", maxBody))
	} else if err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if len(r.body) > 0 {
		if kind, _, err := mime.ParseMediaType(r.http.Header.Get("Content-Type")); err != nil || kind != "application/json" {
			return problem(http.StatusUnsupportedMediaType, CodeMediaType, "the body must be application/json")
		}
	}
	return nil
}

// decode reads the body, which must be there.
func (r *request) decode(to any) error {
	if len(bytes.TrimSpace(r.body)) == 0 {
		return fmt.Errorf("%w: the body is empty", ErrMalformed)
	}
	return r.optional(to)
}

// optional reads the body, if there is one.
func (r *request) optional(to any) error {
	if len(bytes.TrimSpace(r.body)) == 0 {
		return nil
	}
	if err := strict(r.body, to); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return nil
}

func (r *request) path(name string) string { return r.http.PathValue(name) }

// number is a number in the path.
func (r *request) number(name string) (int, error) {
	n, err := strconv.ParseUint(r.path(name), 10, 16)
	if err != nil {
		return 0, fmt.Errorf("%w: %q is no %s", ErrMalformed, r.path(name), name)
	}
	return int(n), nil
}

// flag is a parameter that is true or false.
func (r *request) flag(name string) (bool, error) {
	list := r.flags[name]
	switch {
	case len(list) == 0:
		return false, nil
	case len(list) == 1 && (list[0] == "true" || list[0] == "false"):
		return list[0] == "true", nil
	}
	return false, fmt.Errorf("%w: %s is neither true nor false", ErrMalformed, name)
}

// text is a parameter that occurs at most once.
func (r *request) text(name string) (string, error) {
	switch list := r.flags[name]; len(list) {
	case 0:
		return "", nil
	case 1:
		return list[0], nil
	}
	return "", fmt.Errorf("%w: %s occurs twice", ErrMalformed, name)
}

// outcome is what a successful request did, for the log.
type outcome uint8

const (
	done     outcome = iota
	asItWas          // what was requested is so already
	onlyPlan         // a dry run
)

func (o outcome) String() string {
	return [...]string{"change done", "change requested: it is so already", "change planned: nothing was changed"}[o]
}

// reply is a successful answer.
type reply struct {
	status  int
	kind    string
	body    []byte
	outcome outcome
}

// answer makes a reply with JSON.
func answer(v any) (*reply, error) {
	body, err := json.Marshal(v)
	rp := &reply{status: http.StatusOK, kind: "application/json", body: append(body, '\n')}
	if res, ok := v.(*Result); ok {
		switch {
		case !res.CarriedOut:
			rp.outcome = onlyPlan
		case !res.Changed:
			rp.outcome = asItWas
		}
	}
	return rp, err
}

func (p *reply) write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", p.kind)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(p.status)
	_, _ = w.Write(p.body) // the client is gone
}

// Result is the answer to a change: its plan, and whether it was carried out.
type Result struct {
	Changed bool `json:"changed"`
	// CarriedOut is false if the plan was only made: the daemon is as it was.
	CarriedOut bool `json:"carried_out"`
	admin.Plan
	Dropped []string      `json:"dropped,omitempty"` // by prune
	LUN     *int          `json:"lun,omitempty"`     // of a unit that was added
	Volume  *Volume       `json:"volume,omitempty"`
	Export  *VolumeExport `json:"export,omitempty"`
}

// do carries out ops and answers the plan.
func (s *Server) do(r *request, ops ...admin.Op) (*reply, error) {
	plan, err := s.Node.Do(r.ctx, ops...)
	if err != nil {
		return nil, err
	}
	return changed(ResultOf(plan))
}

// changed answers 201 if something was added, and 200 otherwise.
func changed(r *Result) (*reply, error) {
	rp, err := answer(r)
	if err == nil && r.Changed && r.Steps != nil && slices.ContainsFunc(r.Steps, func(s admin.Step) bool { return s.Verb == admin.Add }) {
		rp.status = http.StatusCreated
	}
	return rp, err
}
