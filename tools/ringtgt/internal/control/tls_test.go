package control

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
)

// authority signs certificates of a test.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, key: must.Get(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)}
	a.cert = &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca"}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der := must.Get(x509.CreateCertificate(rand.Reader, a.cert, a.cert, a.key.Public(), a.key))(t)
	a.cert = must.Get(x509.ParseCertificate(der))(t)
	return a
}

// issue returns a certificate and its key as PEM.
func (a *authority) issue(name string) (cert, key []byte) {
	a.t.Helper()
	k := must.Get(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(a.t)
	c := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name + ".example"}, NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	der := must.Get(x509.CreateCertificate(rand.Reader, c, a.cert, k.Public(), a.key))(a.t)
	keyDER := must.Get(x509.MarshalECPrivateKey(k))(a.t)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER})
}

func (a *authority) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
}

// The TLS listener answers who has a certificate of the client CA, over TLS 1.3, and no one else.
func TestTLSNeedsCertificate(t *testing.T) {
	dir := t.TempDir()
	file := func(name string, text []byte) string {
		must.OK(t, os.WriteFile(filepath.Join(dir, name), text, 0o600))
		return filepath.Join(dir, name)
	}
	ca, stranger := newAuthority(t), newAuthority(t)
	cert, key := ca.issue("node")
	files := Certificates{Cert: file("cert", cert), Key: file("key", key), ClientCA: file("ca", ca.pem())}
	var caller Caller
	a := Answers{Status: answer, API: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller = CallerOf(r.Context())
		io.WriteString(w, "hello")
	})}
	local := netip.MustParseAddrPort("127.0.0.1:0")
	s := must.Get(ListenTLS(local, a, files))(t)
	defer s.Close()
	roots := x509.NewCertPool()
	roots.AddCert(ca.cert)
	get := func(c *tls.Config) error {
		c.RootCAs, c.ServerName = roots, "node.example"
		tr := &http.Transport{TLSClientConfig: c}
		defer tr.CloseIdleConnections()
		resp, err := (&http.Client{Transport: tr}).Get("https://" + s.Addr() + "/x")
		if err == nil {
			resp.Body.Close()
		}
		return err
	}
	pair := func(a *authority) []tls.Certificate {
		return []tls.Certificate{must.Get(tls.X509KeyPair(a.issue("driver")))(t)}
	}
	must.OK(t, get(&tls.Config{Certificates: pair(ca)}))
	check.Equal(t, caller, Caller{"certificate driver (driver.example)", AccessChange}, "caller")
	check.That(t, get(&tls.Config{}) != nil, "a client without a certificate is answered")
	check.That(t, get(&tls.Config{Certificates: pair(stranger)}) != nil, "a client with a stranger's certificate is answered")
	check.That(t, get(&tls.Config{Certificates: pair(ca), MaxVersion: tls.VersionTLS12}) != nil, "TLS 1.2 is accepted")

	// a new client CA needs no restart
	file("ca", stranger.pem())
	check.That(t, get(&tls.Config{Certificates: pair(ca)}) != nil, "a certificate of the old CA is accepted")
	check.OK(t, get(&tls.Config{Certificates: pair(stranger)}), "a certificate of the new CA")

	_, err := ListenTLS(local, a, Certificates{Cert: files.Cert, Key: files.Key})
	check.That(t, err != nil, "a listener without a client CA")
	file("ca", []byte("nothing"))
	_, err = ListenTLS(local, a, files)
	check.That(t, err != nil, "a listener with an empty client CA")
}
