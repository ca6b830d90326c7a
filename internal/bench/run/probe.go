package run

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/ringtgt/ringtgt/bench/initiator"
	"github.com/ringtgt/ringtgt/internal/bench/result"
	"github.com/ringtgt/ringtgt/pdu"
)

// probe inspects the target in short sessions of its own: its name if the URL has none, the kind of logical unit, and whether the
// unit can take the load. It sets url.Target, the geometry and the range of the workload.
func (p *plan) probe(ctx context.Context) (t result.Target, portal netip.AddrPort, err error) {
	if p.url.Target == "" {
		names, err := p.discover(ctx)
		if err != nil {
			return t, portal, err
		}
		if len(names) != 1 {
			return t, portal, fmt.Errorf("%s: %s; give one of them: iscsi://%s/TARGET[/LUN]", p.url, targets(names), p.url.Portal())
		}
		p.url.Target = names[0]
	}
	cfg := p.session(probeSession)
	cfg.Connections = 1
	cfg.Dialer = func(ctx context.Context, address string) (net.Conn, error) {
		var d net.Dialer
		conn, err := d.DialContext(ctx, "tcp", address)
		if err == nil {
			to := conn.RemoteAddr().(*net.TCPAddr).AddrPort()
			portal = netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
		}
		return conn, err
	}
	s, err := initiator.Dial(ctx, cfg)
	if err != nil {
		why := p.explain(err)
		if login := new(initiator.LoginError); errors.As(err, &login) && login.Status == pdu.LoginNotFound {
			if names, derr := p.discover(ctx); derr == nil {
				why = fmt.Errorf("%w; %s", why, targets(names))
			}
		}
		return t, portal, why
	}
	defer s.Close()
	t = result.Target{URL: p.url.String(), Name: p.url.Target, LUN: p.url.LUN, Negotiated: negotiated(s.Params())}
	if err := p.unit(ctx, s, &t); err != nil {
		return t, portal, fmt.Errorf("%s: LUN %d: %s", p.url, p.url.LUN, plain(err))
	}
	if err := p.fits(ctx, s, &t); err != nil {
		return t, portal, err
	}
	_ = s.Logout(ctx) // the session is closed anyway
	return t, portal, nil
}

// discover asks the portal for its targets (RFC 7143 appendix C). Discovery has accounts of its own: most portals want none, and some
// of these refuse one.
func (p *plan) discover(ctx context.Context) ([]string, error) {
	cfg := p.session(probeSession)
	cfg.Discovery, cfg.TargetName, cfg.Connections, cfg.Keys, cfg.CHAP = true, "", 1, initiator.Keys{}, initiator.CHAP{}
	s, err := initiator.Dial(ctx, cfg)
	if login := new(initiator.LoginError); errors.As(err, &login) && login.Status == pdu.LoginAuthenticationFailure && p.chap.User != "" {
		cfg.CHAP = p.chap
		s, err = initiator.Dial(ctx, cfg)
	}
	if err != nil {
		return nil, p.explain(err)
	}
	defer s.Close()
	answer, err := s.SendTargets(ctx, 0, "All")
	if err != nil {
		return nil, fmt.Errorf("%s: discovery: %s", p.url, plain(err))
	}
	var names []string
	for _, kv := range answer {
		if kv.Key == "TargetName" && !slices.Contains(names, kv.Value) {
			names = append(names, kv.Value)
		}
	}
	_ = s.Logout(ctx)
	return names, nil
}

// targets describes the targets of a portal.
func targets(names []string) string {
	switch {
	case len(names) == 0:
		return "the portal shows this initiator no target"
	case len(names) == 1:
		return "the portal has one target: " + result.Clean(names[0])
	case len(names) > maxListed:
		return fmt.Sprintf("the portal has %d targets, the first of them: %s", len(names), result.Clean(strings.Join(names[:maxListed], ", ")))
	}
	return fmt.Sprintf("the portal has %d targets: %s", len(names), result.Clean(strings.Join(names, ", ")))
}

// negotiated returns the keys that affect figures, by the standard's names; TargetMaxRecvDataSegmentLength bounds our Data-Out
// PDUs.
func negotiated(n initiator.Params) map[string]string {
	digest := map[bool]string{false: "None", true: "CRC32C"}
	yes := map[bool]string{false: "No", true: "Yes"}
	return map[string]string{
		"HeaderDigest": digest[n.Conn.HeaderDigest], "DataDigest": digest[n.Conn.DataDigest],
		"MaxConnections": fmt.Sprint(n.MaxConnections), "InitialR2T": yes[n.InitialR2T], "ImmediateData": yes[n.ImmediateData],
		"MaxRecvDataSegmentLength":       fmt.Sprint(n.Conn.MaxRecvDataSegmentLength),
		"TargetMaxRecvDataSegmentLength": fmt.Sprint(n.Conn.MaxSendDataSegmentLength),
		"MaxBurstLength":                 fmt.Sprint(n.MaxBurstLength),
		"FirstBurstLength":               fmt.Sprint(n.FirstBurstLength),
		"MaxOutstandingR2T":              fmt.Sprint(n.MaxOutstandingR2T),
		"ErrorRecoveryLevel":             "0", // all that is offered
		"DefaultTime2Wait":               fmt.Sprint(n.DefaultTime2Wait),
		"DefaultTime2Retain":             fmt.Sprint(n.DefaultTime2Retain),
	}
}

// unit reads standard INQUIRY data (SPC-4 6.6.2) and the capacity.
func (p *plan) unit(ctx context.Context, s *initiator.Session, t *result.Target) error {
	var data [36]byte
	n, err := in(ctx, s, p.work.LUN, []byte{0x12, 0, 0, 0, byte(len(data)), 0}, data[:])
	if err != nil {
		return err
	}
	if n < 5 {
		return fmt.Errorf("INQUIRY returns %d bytes", n)
	}
	// The peripheral qualifier says whether a device is present (SPC-4 6.6.2). The device types that SBC covers are 00h (direct
	// access), 07h (optical) and 0Eh (simplified direct access).
	switch kind := data[0] & 0x1f; {
	case data[0]>>5 != 0:
		return fmt.Errorf("there is no such logical unit%s", luns(ctx, s))
	case kind != 0x00 && kind != 0x07 && kind != 0x0e:
		return fmt.Errorf("it is not a disk but has device type %02xh%s", kind, luns(ctx, s))
	}
	text := func(from, to int) string {
		return strings.TrimSpace(result.Clean(string(data[min(from, n):min(to, n)])))
	}
	t.Vendor, t.Product, t.Revision = text(8, 16), text(16, 32), text(32, 36)
	if err := s.Ready(ctx, 0, p.work.LUN); err != nil {
		return fmt.Errorf("it is not ready: %w", err)
	}
	blocks, size, err := s.Capacity(ctx, 0, p.work.LUN)
	if err != nil {
		return err
	}
	if size < minBlock || size > maxBlock || size&(size-1) != 0 || blocks == 0 || blocks > 1<<62/uint64(size) {
		return fmt.Errorf("READ CAPACITY(16) returns %d blocks of %d bytes", blocks, size)
	}
	t.BlockLen, t.Capacity = size, blocks*uint64(size)
	p.work.BlockLen, p.work.Capacity = size, blocks
	return nil
}

// luns lists the logical units (REPORT LUNS, SPC-4 6.33) for an error.
func luns(ctx context.Context, s *initiator.Session) string {
	data := make([]byte, 8+8*maxListed)
	cdb := make([]byte, 12)
	cdb[0] = 0xa0
	binary.BigEndian.PutUint32(cdb[6:], uint32(len(data)))
	n, err := in(ctx, s, 0, cdb, data)
	if err != nil || n < 16 {
		return ""
	}
	var names []string
	for at := 8; at+8 <= min(n, 8+int(binary.BigEndian.Uint32(data))); at += 8 {
		// Peripheral or flat space addressing (SAM-5 4.7).
		names = append(names, fmt.Sprint(binary.BigEndian.Uint16(data[at:])&maxLUN))
	}
	return "; the target has LUN " + strings.Join(names, ", ")
}

// fits checks the load against the unit's limits and completes the workload.
func (p *plan) fits(ctx context.Context, s *initiator.Session, t *result.Target) error {
	sizes := []initiator.Share{{Bytes: p.work.BlockSize}}
	flag := "--bs"
	if len(p.work.Split) > 0 {
		sizes, flag = p.work.Split, "--bssplit"
	}
	most := transfer(ctx, s, p.work.LUN) * uint64(t.BlockLen)
	for _, b := range sizes {
		if b.Bytes%int(t.BlockLen) != 0 {
			return fmt.Errorf("%s %s: the LUN has blocks of %d bytes", flag, formatSize(int64(b.Bytes)), t.BlockLen)
		}
		if most > 0 && uint64(b.Bytes) > most {
			return fmt.Errorf("%s %s: the LUN takes at most %s in one command (VPD page B0h)", flag, formatSize(int64(b.Bytes)), formatSize(int64(most)))
		}
	}
	if p.work.ReadPercent < 100 && protected(ctx, s, p.work.LUN) {
		return fmt.Errorf("--rw %s: the LUN is write protected", p.RW)
	}
	size, err := p.size.of(t.Capacity, p.work.BlockSize)
	if err != nil {
		return err
	}
	p.work.Last, p.record.Size = size, size
	if p.Runtime == 0 {
		p.work.Count = p.count(size)
	}
	return p.unused(ctx, s, t, most)
}

// transfer returns the MAXIMUM TRANSFER LENGTH in blocks (SBC-3 6.6.4), 0 if there is none or it is unknown.
func transfer(ctx context.Context, s *initiator.Session, lun uint64) uint64 {
	var data [64]byte
	n, err := in(ctx, s, lun, []byte{0x12, 1, 0xb0, 0, byte(len(data)), 0}, data[:])
	if err != nil || n < 12 || data[1] != 0xb0 {
		return 0
	}
	return uint64(binary.BigEndian.Uint32(data[8:]))
}

// protected reads the bit WP of the mode parameter header (SBC-3 6.5.1) by MODE SENSE(6) for all pages. A unit that does not
// support it counts as writable: it will refuse the first write.
func protected(ctx context.Context, s *initiator.Session, lun uint64) bool {
	data := make([]byte, 252)
	n, err := in(ctx, s, lun, []byte{0x1a, 8, 0x3f, 0, byte(len(data)), 0}, data)
	return err == nil && n >= 4 && data[2]&0x80 != 0
}

// in executes a command that reads, again after each unit attention, and returns the number of bytes received.
func in(ctx context.Context, s *initiator.Session, lun uint64, cdb, data []byte) (int, error) {
	var err error
	for range maxAttentions {
		cmd := &initiator.Command{LUN: lun, CDB: cdb, In: data, Attr: pdu.TaskAttrSimple}
		if err = s.Exec(ctx, cmd); err != nil {
			return 0, err
		}
		if err = cmd.Result.Good(); err == nil {
			return int(cmd.Result.Transferred), nil
		}
		if !attention(err) {
			return 0, err
		}
	}
	return 0, err
}
