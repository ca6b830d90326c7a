// Package control is the daemon's Unix socket: HTTP with JSON, under a version in the path. GET /v1/status answers Status.
// Who may open the socket may ask: it has mode 0600.
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
	"time"

	"golang.org/x/sys/unix"
)

const (
	statusPath = "/v1/status"
	// answerTime bounds the daemon's part of an answer: a loop that does not turn for so long is stuck, and that is worth
	// saying.
	answerTime = 2 * time.Second
	// requestTime bounds what a client may take, so that one that hangs keeps nothing.
	requestTime = 10 * time.Second
	// maxAnswer bounds what a client reads: 16384 connections on each of 256 loops, 400 bytes each, would fit.
	maxAnswer = 2 << 30
	// maxHeader is far more than our own client sends.
	maxHeader = 8 << 10
)

// Server answers on a control socket.
type Server struct {
	path   string
	http   *http.Server
	names  []string // to be removed: the socket and its entry in the runtime directory
	served chan struct{}
}

// ErrLive is what errors of Listen are when a running daemon has the socket.
var ErrLive = errors.New("a running daemon answers there")

// Listen opens the socket at path. A socket that is left over from a daemon that died is replaced; anything else that is
// there stays, and is an error.
func Listen(path string, status func(context.Context) (*Status, error)) (*Server, error) {
	if info, err := os.Lstat(path); err == nil {
		if info.Mode().Type() != os.ModeSocket {
			return nil, fmt.Errorf("control socket: %s is there and no socket", path)
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
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+statusPath, func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), answerTime)
		defer cancel()
		s, err := status(ctx)
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(s) // the client is gone: nothing to tell it
	})
	s := &Server{path: path, names: []string{path}, served: make(chan struct{})}
	s.http = &http.Server{
		Handler: mux, ReadTimeout: requestTime, WriteTimeout: requestTime, IdleTimeout: requestTime, MaxHeaderBytes: maxHeader,
	}
	go func() {
		defer close(s.served)
		_ = s.http.Serve(ln) // ends with Close
	}()
	return s, nil
}

// Path is the socket's.
func (s *Server) Path() string { return s.path }

// Close stops answering and removes the socket.
func (s *Server) Close() {
	s.http.Close()
	<-s.served
	for _, name := range s.names {
		os.Remove(name)
	}
}

// Get asks the daemon at path for its status. An error for which Absent is true says that there is no daemon.
func Get(ctx context.Context, path string) (*Status, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	t := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx, path) }}
	defer t.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://ringtgt"+statusPath, nil)
	if err != nil {
		return nil, err
	}
	resp, err := t.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body := io.LimitReader(resp.Body, maxAnswer)
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(body, 4096))
		return nil, fmt.Errorf("%s: the daemon says: %s", path, text)
	}
	s := &Status{}
	if err := json.NewDecoder(body).Decode(s); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// Absent says that an error of Get means that nobody listens.
func Absent(err error) bool {
	return errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ECONNREFUSED) || errors.Is(err, unix.ENOTDIR)
}
