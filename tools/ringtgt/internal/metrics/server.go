package metrics

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/web"
)

// Server answers GET /metrics, /healthz and the page.
type Server struct {
	addr   netip.AddrPort
	http   *http.Server
	served chan struct{}
}

// Listen opens the listener. It does no authentication.
func Listen(at netip.AddrPort, src Source, log *slog.Logger) (*Server, error) {
	h, err := handler(src, log)
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	ln, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(at))
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	s := &Server{addr: ln.Addr().(*net.TCPAddr).AddrPort(), served: make(chan struct{})}
	names := append([]string{src.Host}, src.Hosts...)
	s.http = &http.Server{
		Handler: forHosts(names, h), ReadHeaderTimeout: headerTime, ReadTimeout: headerTime, WriteTimeout: answerTime, IdleTimeout: idleTime,
		MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug), // errors of clients
	}
	go func() {
		defer close(s.served)
		_ = s.http.Serve(&limited{Listener: ln, places: make(chan struct{}, maxConns)}) // ends with Close
	}()
	return s, nil
}

// Addr returns the address that the server listens on, with the port that the kernel chose.
func (s *Server) Addr() netip.AddrPort { return s.addr }

// Close ends the listener and its connections.
func (s *Server) Close() {
	s.http.Close()
	<-s.served
}

func handler(src Source, log *slog.Logger) (http.Handler, error) {
	reg := prometheus.NewPedanticRegistry()
	c := &collector{src: src}
	reg.MustRegister(c, collectors.NewGoCollector())
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", c.healthz)
	mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug), ErrorHandling: promhttp.HTTPErrorOnError, MaxRequestsInFlight: maxScrapes,
		DisableCompression: true, // it costs more processor time than it is worth on a storage network
	}))
	if err := web.Register(mux, web.Source{Read: c.read, Status: src.Status, Line: src.Line, Host: src.Host}); err != nil {
		return nil, err
	}
	return mux, nil
}

// healthz answers 200 if all is well, else 503, with the health line. A loop that does not respond is not well.
func (c *collector) healthz(w http.ResponseWriter, _ *http.Request) {
	line, good := c.src.Health()
	if _, err := c.read(); err != nil {
		line, good = line+"; "+err.Error(), false
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	if !good {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	fmt.Fprintln(w, line)
}

// limited accepts no more connections than there are places.
type limited struct {
	net.Listener
	places chan struct{}
}

func (l *limited) Accept() (net.Conn, error) {
	l.places <- struct{}{} // those that wait are in the kernel's queue
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.places
		return nil, err
	}
	return &placed{Conn: c, leave: sync.OnceFunc(func() { <-l.places })}, nil
}

// placed is a connection that frees its place when it is closed.
type placed struct {
	net.Conn
	leave func()
}

func (p *placed) Close() error {
	err := p.Conn.Close()
	p.leave()
	return err
}
