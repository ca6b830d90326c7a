package config

import (
	"fmt"
	"math/bits"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/ringtgt/ringtgt/internal/medium"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/backend"
	"github.com/ringtgt/ringtgt/session"
)

// validate checks c as a whole, wherever its values came from.
func validate(c *Config, ps *Problems) {
	validatePortals(c, ps)
	if n := c.Server.Buffers; n != 0 && (n < minBuffers || n > maxBuffers) {
		ps.add(c.Server.BuffersAt, "buffers: %d is not between %d and %d", n, minBuffers, maxBuffers)
	}
	if d := c.Server.Poll; d > maxPoll || d < -1 {
		ps.add(c.Server.PollAt, "poll: %v is not between 0s and %v", d, maxPoll)
	}
	switch z := c.Server.ZeroCopy; z {
	case "", ZeroCopyAuto, ZeroCopyOn, ZeroCopyOff:
	default:
		ps.add(c.Server.ZeroCopyAt, "zerocopy %q is neither auto, on nor off", z)
	}
	validateSteering(&c.Server, ps)
	names, media, ids, serials := map[string]Where{}, map[string]Where{}, map[string]Where{}, map[string]Where{}
	if len(c.Targets) == 0 {
		if at := (Where{File: c.File}); c.Server.State == "" {
			ps.add(at, "there is no target: [[target]] is missing; to make targets by command, set state in [server]")
		} else {
			ps.warn(at, "there is no target: initiators find nothing until a command makes one")
		}
	}
	validatePools(c, ps)
	state := stateDir(c)
	for i := range c.Pools {
		if p := &c.Pools[i]; p.Path != "" && state.has(p.Path) {
			ps.add(p.At, "pool %s: %s is in the state directory, %s, which is the daemon's own: choose another directory", p.Name, p.Path, c.Server.State)
		}
	}
	for i := range c.Targets {
		t := &c.Targets[i]
		if first, ok := names[t.Name]; ok && t.Name != "" {
			ps.add(t.At, "target %s is there already (%s)", t.Name, first)
		}
		names[t.Name] = t.At
		validateTarget(c, t, ps)
		for j := range t.LUNs {
			validateLUN(t, j, media, ps)
			l := &t.LUNs[j]
			if l.Persistent() && l.Path != "" && state.has(l.Path) {
				ps.add(l.At, "%s is in the state directory, %s, which is the daemon's own: move it elsewhere", l.Path, c.Server.State)
			}
			if first, ok := ids[l.ID]; ok && l.ID != "" {
				ps.add(l.At, "id %q is there already (%s): initiators would take the two for one disk", l.ID, first)
			}
			ids[l.ID] = l.At
			serial := strings.TrimRight(l.Serial, " ") // initiators strip the padding
			if first, ok := serials[serial]; ok && serial != "" {
				ps.add(l.At, "serial %q is there already (%s): initiators would take the two for one disk", l.Serial, first)
			}
			serials[serial] = l.At
		}
	}
	validateAccess(&c.Discovery, ps)
	validateSecrets(c, ps)
}

// ownDir is the state directory without links; "": there is none.
type ownDir string

func stateDir(c *Config) ownDir {
	if c.Server.State == "" {
		return ""
	}
	return ownDir(medium.Real(c.Server.State))
}

// has reports whether a path is the directory, directly in it, or among the secrets. Other directories below it are the
// administrator's: the packages make /var/lib/ringtgt/volumes. A pool above it is no harm: only files directly in it are volumes.
func (d ownDir) has(path string) bool {
	if d == "" {
		return false
	}
	path = medium.Real(path)
	secrets := filepath.Join(string(d), "secrets")
	return path == string(d) || filepath.Dir(path) == string(d) && !isDirectory(path) || path == secrets || filepath.Dir(path) == secrets
}

func isDirectory(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// validateSteering checks only the text; whether this machine has such an interface is checked at start.
func validateSteering(s *Server, ps *Problems) {
	if s.Steering != SteeringAuto && s.Steering != SteeringOff {
		ps.add(s.SteeringAt, "steering %q is neither auto nor off", s.Steering)
	}
	seen := map[string]Where{}
	for _, i := range s.XDP {
		if !interfaceName(i.Name) {
			ps.add(i.At, "%q is not the name of a network interface", i.Name)
			continue
		}
		if first, ok := seen[i.Name]; ok {
			ps.add(i.At, "xdp: %s is there already (%s)", i.Name, first)
			continue
		}
		seen[i.Name] = i.At
		if s.Steering == SteeringOff && len(seen) == 1 {
			ps.warn(i.At, "xdp does nothing when steering is off")
		}
	}
}

// interfaceName reports whether the kernel would accept the name (dev_valid_name of net/core/dev.c).
func interfaceName(s string) bool {
	return s != "" && len(s) <= maxInterface && s != "." && s != ".." &&
		!strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == '/' || r == ':' })
}

func validatePortals(c *Config, ps *Problems) {
	seen := map[netip.AddrPort]Where{}
	if m := c.Metrics; m.Listen.IsValid() && m.Listen.Port() != 0 {
		seen[m.Listen] = m.At
	}
	if a := c.API; a.Listen.IsValid() && a.Listen.Port() != 0 {
		if first, ok := seen[a.Listen]; ok {
			ps.add(a.At, "%s is there already (%s)", a.Listen, first)
		}
		seen[a.Listen] = a.At
	}
	for _, p := range c.Portals {
		if a := p.Addr.Addr(); a.Zone() != "" || a.Is6() && a.IsLinkLocalUnicast() {
			// A zone is this host's name for the link, and a TargetAddress (RFC 7143 13.8) cannot carry one: SendTargets would return
			// an address that initiators cannot use.
			ps.add(p.At, "portal %s is a link-local address, which SendTargets cannot name to initiators; listen on another address of the interface, or on all (:%d)", p.Addr, p.Addr.Port())
			continue
		}
		if !p.Addr.IsValid() || p.Addr.Port() == 0 {
			continue
		}
		if first, ok := seen[p.Addr]; ok {
			ps.add(p.At, "portal %s is there already (%s)", p.Addr, first)
			continue
		}
		seen[p.Addr] = p.At
	}
}

func validateTarget(c *Config, t *Target, ps *Problems) {
	if t.Name != "" {
		if err := CheckName(t.Name); err != nil {
			ps.add(t.At, "target %q: %v", t.Name, err)
		}
	}
	if len(t.Alias) > maxAlias || !utf8.ValidString(t.Alias) || strings.ContainsRune(t.Alias, 0) {
		ps.add(t.At, "alias: want at most %d bytes of UTF-8", maxAlias)
	}
	var seen []uint16
	for _, g := range t.Groups {
		if slices.Contains(seen, g) {
			ps.add(t.At, "portal group %d is there twice", g)
			continue
		}
		seen = append(seen, g)
		if !slices.ContainsFunc(c.Portals, func(p Portal) bool { return p.Group == g }) {
			ps.add(t.At, "no portal is in portal group %d", g)
		}
	}
	if len(t.LUNs) == 0 && t.Redirect == nil && t.Name != "" {
		ps.warn(t.At, "target %s has no lun: initiators will find it empty", t.Name)
	}
	if t.Redirect != nil && t.Redirect.Address != "" {
		if err := checkAddress(t.Redirect.Address); err != nil {
			ps.add(t.Redirect.At, "redirect address %q: %v", t.Redirect.Address, err)
		}
	}
	validateAccess(&t.Access, ps)
	validateExports(t, ps)
	for i := range t.QoS {
		validateQoS(&t.QoS[i].QoS, ps)
	}
	// RFC 7143 13.14: "FirstBurstLength MUST NOT exceed MaxBurstLength".
	burst := t.Limits.MaxBurstLength
	if burst == 0 {
		burst = session.MaxBurstLength
	}
	if t.Limits.FirstBurstLength > burst {
		ps.add(t.Limits.FirstBurstAt, "first_burst_length %d is more than max_burst_length %d (RFC 7143 13.14)", t.Limits.FirstBurstLength, burst)
	}
}

// checkAddress accepts a TargetAddress of RFC 7143 13.8: domainname[:port][,portal-group-tag]. Redirections omit the group.
func checkAddress(s string) error {
	s, group, has := strings.Cut(s, ",")
	if has {
		if _, err := strconv.ParseUint(group, 10, 16); err != nil {
			return fmt.Errorf("%q is no portal group", group)
		}
	}
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		host, port = unbracket(s), strconv.Itoa(DefaultPort)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return fmt.Errorf("%q is no port", port)
	}
	if host == "" || strings.ContainsFunc(host, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("/%,=", r) }) {
		return fmt.Errorf("want HOST:PORT")
	}
	return nil
}

// validateAccess: the rules of RFC 7143 for CHAP that concern more than one key.
func validateAccess(a *Access, ps *Problems) {
	users := map[string]Where{}
	for _, in := range a.Accounts {
		if first, ok := users[in.User]; ok && in.User != "" {
			ps.add(in.At, "user %q has a secret already (%s)", in.User, first)
		}
		users[in.User] = in.At
	}
	if a.Mutual == nil {
		return
	}
	if len(a.Accounts) == 0 {
		ps.add(a.Mutual.At, "mutual_chap without chap: the target proves itself only to initiators that did so first (RFC 7143 12.1.3)")
	}
}

// validateSecrets compares all secrets of the configuration. "Any CHAP secret used for initiator authentication
// MUST NOT be configured for authentication of any target", and "the same CHAP secret SHOULD NOT be configured for authentication
// of multiple initiators" (RFC 7143 9.2.1): anyone who has it could answer for the other.
func validateSecrets(c *Config, ps *Problems) {
	accesses := []*Access{&c.Discovery}
	for i := range c.Targets {
		accesses = append(accesses, &c.Targets[i].Access)
	}
	accounts := map[string]Account{}
	for _, a := range accesses {
		for _, in := range a.Accounts {
			if len(in.Secret) == 0 {
				continue
			}
			if first, ok := accounts[string(in.Secret)]; !ok {
				accounts[string(in.Secret)] = in
			} else if first.User != in.User {
				ps.warn(in.At, "accounts %q and %q have one secret (%s): either can log in as the other (RFC 7143 9.2.1)", first.User, in.User, first.At)
			}
		}
	}
	for _, a := range accesses {
		if a.Mutual == nil || len(a.Mutual.Secret) == 0 {
			continue
		}
		if in, ok := accounts[string(a.Mutual.Secret)]; ok {
			ps.add(a.Mutual.At, "the secret of mutual_chap is that of chap (%s): either side could then answer with what the other sent (RFC 7143 9.2.1)", in.At)
		}
	}
}

// validateLUN checks unit i of t. media has the paths and places that are served.
func validateLUN(t *Target, i int, media map[string]Where, ps *Problems) {
	l := &t.LUNs[i]
	if l.Kind == "" {
		return // already reported
	}
	for _, other := range t.LUNs[:i] {
		if other.Number == l.Number {
			ps.add(l.At, "lun %d of %s is there already (%s)", l.Number, t.Name, other.At)
		}
	}
	if l.Number < 0 || l.Number >= lun.MaxLUNs {
		ps.add(l.At, "lun %d is not between 0 and %d", l.Number, lun.MaxLUNs-1)
	}
	validateSizes(l, ps)
	validateIdentity(l, ps)
	validateQoS(&l.QoS, ps)
	if l.Persistent() && l.Path != "" {
		validatePath(l, media, ps)
	}
}

// validateSizes checks the sizes of a unit and its blocks, and the keys that only some kinds have.
func validateSizes(l *LUN, ps *Problems) {
	if l.BlockSize != 0 && l.BlockSize != 512 && l.BlockSize != 4096 {
		ps.add(l.At, "block size %d is neither 512 nor 4096", l.BlockSize)
	}
	bs := l.BlockSize
	if bs == 0 && l.Kind != backend.KindBlock {
		bs = 512
	}
	if p := l.PhysicalBlock; p != 0 && (bits.OnesCount64(uint64(p)) != 1 || p < max(bs, 512) || p > max(bs, 512)<<7) {
		ps.add(l.At, "physical block size %d is not the block size times 1, 2, 4 ... 128", p)
	}
	if bs > 0 && l.Size%bs != 0 {
		ps.add(l.At, "size %d is no multiple of the block size %d", l.Size, bs)
	}
	switch l.Direct {
	case "", backend.DirectAuto, backend.DirectOn, backend.DirectOff:
	default:
		ps.add(l.At, "direct %q is neither auto, on nor off", l.Direct)
	}
	switch l.Kind {
	case backend.KindMemory, backend.KindNull:
		if l.Size <= 0 {
			ps.add(l.At, "%s needs a size greater than 0", l.Kind)
		}
		if l.Direct != "" {
			ps.add(l.At, "direct is for files and block devices")
		}
	case backend.KindBlock:
		if l.Size != 0 {
			ps.add(l.At, "the size of a block device cannot be set")
		}
	}
}

// validateIdentity checks what INQUIRY's pages will carry.
func validateIdentity(l *LUN, ps *Problems) {
	if strings.ContainsFunc(l.Serial, func(r rune) bool { return r < ' ' || r > '~' }) || len(l.Serial) > maxSerial {
		ps.add(l.At, "serial: want at most %d printable ASCII characters (SPC-4 7.8.14)", maxSerial)
	}
	if strings.ContainsFunc(l.ID, func(r rune) bool { return r < '!' || r > '~' }) || len(l.ID) > maxID {
		ps.add(l.At, "id: want at most %d printable ASCII characters without spaces", maxID)
	}
}

// validatePath reports what opening the medium would report, before anything has been created.
func validatePath(l *LUN, media map[string]Where, ps *Problems) {
	path := medium.Real(l.Path)
	places := []string{"path " + path}
	if seen, err := medium.OfPath(path); err == nil {
		places = append(places, seen.Places()...) // a hard link or a bind mount is another path
	}
	for _, place := range places {
		if first, ok := media[place]; ok {
			ps.add(l.At, "%s is served already (%s): two units would not share reservations", l.Path, first)
			break
		}
	}
	for _, place := range places {
		media[place] = l.At
	}
	info, err := os.Stat(path)
	switch {
	case err != nil && os.IsNotExist(err) && l.Kind == backend.KindFile:
		// The state decides whether it may be created.
	case err != nil:
		ps.add(l.At, "%v", err)
	case l.Kind == backend.KindFile && info.Mode().Type() == os.ModeDevice:
		ps.add(l.At, "%s is a block device, not a file: use block", l.Path)
	case l.Kind == backend.KindFile && !info.Mode().IsRegular():
		ps.add(l.At, "%s is not a regular file", l.Path)
	case l.Kind == backend.KindBlock && info.Mode().IsRegular():
		ps.add(l.At, "%s is a file, not a block device: use file", l.Path)
	case l.Kind == backend.KindBlock && info.Mode().Type() != os.ModeDevice:
		ps.add(l.At, "%s is not a block device", l.Path)
	case l.Kind == backend.KindBlock:
		warnMoves(l, ps)
	}
}

// warnMoves warns of a device name that another device may have after a reboot.
func warnMoves(l *LUN, ps *Problems) {
	host := medium.Host()
	stable, moves := host.Moves(l.Path)
	if !moves {
		return
	}
	advice := "nothing below /dev/disk/by-id or /dev/mapper leads to it"
	if behind := host.BackingFile(l.Path); behind != "" {
		advice = "file:" + behind + " is what is behind it"
	} else if stable != "" {
		advice = "block:" + stable + " stays"
	}
	ps.warn(l.At, "%s may be another device after a restart of the machine, and is refused then; %s", l.Path, advice)
}
