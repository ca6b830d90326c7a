package control

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
)

// Certificates are PEM files. They are read for each connection, so that new ones need no restart.
type Certificates struct {
	Cert, Key string // the daemon's own
	ClientCA  string // signs the clients'; without it there is no listener
}

func (c Certificates) config() (*tls.Config, error) {
	own, err := tls.LoadX509KeyPair(c.Cert, c.Key)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(c.ClientCA)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s has no certificate", c.ClientCA)
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{own}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool,
		NextProtos: []string{"http/1.1"}, // HTTP/2 has bounds of its own
	}, nil
}

// TLS answers on a TCP listener whoever has a certificate of the client CA.
type TLS struct {
	http   *http.Server
	addr   net.Addr
	served chan struct{}
}

// ListenTLS opens the listener.
func ListenTLS(addr netip.AddrPort, a Answers, c Certificates) (*TLS, error) {
	if c.ClientCA == "" {
		return nil, errors.New("API: without client_ca there is no listener")
	}
	if _, err := c.config(); err != nil {
		return nil, fmt.Errorf("API: %w", err)
	}
	tcp, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(addr))
	if err != nil {
		return nil, fmt.Errorf("API: %w", err)
	}
	ln := bounded(tcp)
	ln.who = func(c net.Conn) (peer, error) {
		from, err := netip.ParseAddrPort(c.RemoteAddr().String())
		return peer{uid: remote, host: from.Addr().Unmap()}, err
	}
	s := &TLS{http: newHTTPServer(a.Handler()), addr: tcp.Addr(), served: make(chan struct{})}
	inner := s.http.Handler
	s.http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inner.ServeHTTP(w, r.WithContext(WithCaller(r.Context(), certified(r.TLS))))
	})
	s.http.TLSConfig = &tls.Config{
		MinVersion: tls.VersionTLS13, NextProtos: []string{"http/1.1"},
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return c.config() },
	}
	go func() {
		defer close(s.served)
		_ = s.http.Serve(tls.NewListener(ln, s.http.TLSConfig)) // ends with Close
	}()
	return s, nil
}

// remote stands for the users of other machines.
const remote = -1

// certified is the caller with a verified certificate: its common name and alternative names.
func certified(s *tls.ConnectionState) Caller {
	if s == nil || len(s.VerifiedChains) == 0 {
		return Caller{Name: "no certificate"}
	}
	c := s.PeerCertificates[0]
	names := append(append([]string{}, c.DNSNames...), c.EmailAddresses...)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	for _, u := range c.URIs {
		names = append(names, u.String())
	}
	name := "certificate " + c.Subject.CommonName
	if len(names) > 0 {
		name += " (" + strings.Join(names, ", ") + ")"
	}
	return Caller{Name: name, Access: AccessChange}
}

// Addr returns the address of the listener.
func (s *TLS) Addr() string { return s.addr.String() }

// Close stops answering.
func (s *TLS) Close() {
	s.http.Close()
	<-s.served
}
