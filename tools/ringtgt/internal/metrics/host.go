package metrics

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// forHosts lets requests through to next that were sent to this machine under a name that is known, by address or as localhost. A
// browser that has loaded a page from elsewhere sends the page's name, even if that was made to resolve to this machine (DNS
// rebinding), and the page could read the answer.
func forHosts(names []string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !known(names, r.Host) {
			w.Header().Set("X-Content-Type-Options", "nosniff")
			http.Error(w, fmt.Sprintf("%.80q is not known as a name of this machine: write it into hosts of [metrics], or use an IP address", r.Host), http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// known decides by a Host header (RFC 9110 7.2). Only HTTP/1.0 has none, which browsers do not speak.
func known(names []string, host string) bool {
	if host == "" {
		return true
	}
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if _, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")); err == nil {
		return true
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return host == "localhost" || strings.HasSuffix(host, ".localhost") ||
		slices.ContainsFunc(names, func(n string) bool { return n != "" && strings.EqualFold(strings.TrimSuffix(n, "."), host) })
}
