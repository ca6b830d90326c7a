// Package control is the daemon's Unix socket: HTTP with JSON; the path contains the version. GET /v1/status answers Status,
// GET /v1/latency?connections=N answers Latency with the N busiest connections; package api serves the rest. The peer's credentials
// decide what it may do.
package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

const (
	statusPath  = "/v1/status"
	latencyPath = "/v1/latency"
	connections = "connections"
)

// Server answers on a control socket.
type Server struct {
	path   string
	http   *http.Server
	names  []string // to be removed: the socket and its entry in the runtime directory
	served chan struct{}
}

// ErrLive is wrapped by Listen's error if a running daemon owns the socket.
var ErrLive = errors.New("a running daemon answers there")

// Answers are the daemon's functions behind the socket. Each gets a context with a deadline.
type Answers struct {
	Status  func(context.Context) (*Status, error)
	Latency func(ctx context.Context, connections int) (*Latency, error)
	API     http.Handler // serves all other paths; nil: there are none
}

// Listen opens the socket at path for root, this user and the members of groups. It replaces a socket left over from a dead daemon;
// anything else at path is an error and stays.
func Listen(path string, a Answers, groups Groups) (*Server, error) {
	admission, err := groups.resolve()
	if err != nil {
		return nil, err
	}
	if info, err := os.Lstat(path); err == nil {
		if info.Mode().Type() != os.ModeSocket {
			return nil, fmt.Errorf("control socket: %s exists and is not a socket", path)
		}
		conn, err := dial(context.Background(), path)
		switch {
		case err == nil:
			conn.Close()
			return nil, fmt.Errorf("control socket %s: %w", path, ErrLive)
		case !errors.Is(err, unix.ECONNREFUSED):
			return nil, fmt.Errorf("control socket: %w", err)
		}
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("control socket: %w", err)
		}
	}
	ln, err := listen(path)
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	if err := widen(path, admission); err != nil {
		ln.Close()
		os.Remove(path)
		return nil, fmt.Errorf("control socket: %w", err)
	}
	s := &Server{path: path, names: []string{path}, served: make(chan struct{})}
	s.http = newHTTPServer(a.Handler())
	s.http.ConnContext = admission.context
	go func() {
		defer close(s.served)
		_ = s.http.Serve(bounded(ln)) // ends with Close
	}()
	return s, nil
}

// newHTTPServer returns a server whose clients are bounded in time and in the length of their headers.
func newHTTPServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler: Admit(h), ReadTimeout: requestTime, WriteTimeout: requestTime, IdleTimeout: requestTime, MaxHeaderBytes: maxHeader,
	}
}

// Handler serves a on any listener.
func (a Answers) Handler() http.Handler {
	mux := http.NewServeMux()
	handle(mux, statusPath, func(ctx context.Context, _ *http.Request) (any, error) { return a.Status(ctx) })
	handle(mux, latencyPath, func(ctx context.Context, r *http.Request) (any, error) {
		n, err := strconv.Atoi(r.FormValue(connections))
		if err != nil || n < 0 || n > MaxConnections {
			return nil, fmt.Errorf("%s: want a number up to %d", connections, MaxConnections)
		}
		return a.Latency(ctx, n)
	})
	if a.API != nil {
		mux.Handle("/", a.API)
	}
	return mux
}

// handle registers the handler for one path.
func handle(mux *http.ServeMux, path string, answer func(context.Context, *http.Request) (any, error)) {
	mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), answerTime)
		defer cancel()
		v, err := answer(ctx, r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(v) // the client is gone
	})
}

// Path returns the path of the socket.
func (s *Server) Path() string { return s.path }

// Close stops answering and removes the socket.
func (s *Server) Close() {
	s.http.Close()
	<-s.served
	for _, name := range s.names {
		os.Remove(name)
	}
}

// Get requests the status of the daemon at path. Absent reports whether the error means that there is no daemon.
func Get(ctx context.Context, path string) (*Status, error) {
	s := &Status{}
	return s, get(ctx, path, statusPath, s)
}

// GetLatency requests the daemon's latencies, including those of the busiest n connections, at most MaxConnections.
func GetLatency(ctx context.Context, path string, n int) (*Latency, error) {
	l := &Latency{}
	return l, get(ctx, path, latencyPath+"?"+connections+"="+strconv.Itoa(n), l)
}

// Transport returns an HTTP transport to the socket at path, whatever the host of a URL.
func Transport(path string) *http.Transport {
	return &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx, path) }}
}

// get requests path and decodes the answer into v.
func get(ctx context.Context, path, question string, v any) error {
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	t := Transport(path)
	defer t.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://ringtgt"+question, nil)
	if err != nil {
		return err
	}
	resp, err := t.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body := io.LimitReader(resp.Body, maxAnswer)
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return fmt.Errorf("%s: the daemon is older and does not support that", path)
	default:
		text, _ := io.ReadAll(io.LimitReader(body, 4096))
		return fmt.Errorf("%s: the daemon answered: %s", path, text)
	}
	if err := json.NewDecoder(body).Decode(v); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// Absent reports whether an error of Get means that no daemon listens.
func Absent(err error) bool {
	return errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ECONNREFUSED) || errors.Is(err, unix.ENOTDIR)
}
