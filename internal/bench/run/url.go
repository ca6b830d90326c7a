package run

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// URL names a logical unit, a target or a portal.
type URL struct {
	User, Secret string
	HasSecret    bool   // there was one, if only an empty one
	Host         string // a name or an address, IPv6 without brackets
	Port         int
	Target       string // "" until discovery
	LUN          int
}

const (
	scheme      = "iscsi://"
	defaultPort = "3260" // RFC 7143, 13.8 and 15
	urlAllowed  = "want iscsi://[USER[%SECRET]@]HOST[:PORT][/TARGET[/LUN]]"
)

// ParseURL reads iscsi://[USER[%SECRET]@]HOST[:PORT][/TARGET[/LUN]], the form of libiscsi and qemu. No error contains
// the secret.
func ParseURL(s string) (u URL, err error) {
	bad := func(format string, args ...any) (URL, error) {
		return URL{}, fmt.Errorf("%s: %s: %s", RedactURL(s), fmt.Sprintf(format, args...), urlAllowed)
	}
	rest, ok := strings.CutPrefix(s, scheme)
	if !ok {
		return bad("it does not begin with %s", scheme)
	}
	// A secret may hold any of the other separators; what follows it holds no @.
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		u.User, u.Secret, u.HasSecret = strings.Cut(rest[:at], "%")
		if u.User == "" {
			return bad("there is no USER in front of the @")
		}
		rest = rest[at+1:]
	}
	portal, path, _ := strings.Cut(rest, "/")
	if u.Host, u.Port, err = splitPortal(portal); err != nil {
		return bad("%v", err)
	}
	target, lun, hasLUN := strings.Cut(strings.TrimSuffix(path, "/"), "/")
	if target != "" {
		if err := checkName(target); err != nil {
			return bad("target %q: %v", target, err)
		}
		u.Target = target
	}
	if hasLUN {
		if u.LUN, err = strconv.Atoi(lun); err != nil || u.LUN < 0 || u.LUN > maxLUN {
			return bad("LUN %q is not 0 to %d", lun, maxLUN)
		}
	}
	return u, nil
}

func splitPortal(s string) (host string, port int, err error) {
	if !strings.HasPrefix(s, "[") && strings.Count(s, ":") > 1 {
		return "", 0, fmt.Errorf("an IPv6 address stands in brackets")
	}
	full := s
	if strings.LastIndexByte(s, ':') <= strings.LastIndexByte(s, ']') {
		full = s + ":" + defaultPort
	}
	host, digits, err := net.SplitHostPort(full)
	if err != nil {
		return "", 0, fmt.Errorf("portal %q", s)
	}
	if port, err = strconv.Atoi(digits); err != nil || port < 1 || port > 65535 {
		return "", 0, fmt.Errorf("port %q is not 1 to 65535", digits)
	}
	if host == "" {
		return "", 0, fmt.Errorf("there is no HOST")
	}
	if strings.ContainsFunc(host, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '[' || r == ']' || r == 0xfffd }) {
		return "", 0, fmt.Errorf("%q is no host", host)
	}
	if strings.Contains(host, ":") {
		if _, err := netip.ParseAddr(host); err != nil {
			return "", 0, fmt.Errorf("%q is no IPv6 address", host)
		}
	}
	return host, port, nil
}

// checkName checks a name (RFC 7143 4.2.7): it has a type, no spaces and no commas.
func checkName(s string) error {
	if !strings.HasPrefix(s, "iqn.") && !strings.HasPrefix(s, "eui.") && !strings.HasPrefix(s, "naa.") {
		return errors.New(`a name begins with "iqn.", "eui." or "naa."`)
	}
	if len(s) > maxName || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f || r == ',' }) {
		return fmt.Errorf("a name has at most %d bytes and no spaces or commas", maxName)
	}
	return nil
}

// Portal returns HOST:PORT.
func (u URL) Portal() string { return net.JoinHostPort(u.Host, strconv.Itoa(u.Port)) }

// String returns the URL without its secret.
func (u URL) String() string {
	s := scheme
	if u.User != "" {
		s += u.User + "@"
	}
	s += u.Portal()
	if u.Target != "" {
		s += "/" + u.Target + "/" + strconv.Itoa(u.LUN)
	}
	return s
}

// RedactURL replaces the secret in a URL, well-formed or not, or in any text that ends with one.
func RedactURL(s string) string {
	i := strings.Index(s, scheme)
	if i < 0 {
		return s
	}
	i += len(scheme)
	at := strings.LastIndexByte(s, '@')
	percent := strings.IndexByte(s[i:], '%')
	if percent < 0 || at < i+percent {
		return s
	}
	return s[:i+percent+1] + "***" + s[at:]
}

// Redact returns a command line without secrets.
func Redact(args []string) []string {
	out := make([]string, len(args))
	for i, a := range args {
		out[i] = RedactURL(a)
	}
	return out
}
