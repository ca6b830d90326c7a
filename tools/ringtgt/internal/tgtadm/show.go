package tgtadm

import (
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/backend"
	"github.com/ringtgt/ringtgt/session"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/admin"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
)

// Indentation of tgt's output.
const (
	tab1 = "    "
	tab2 = tab1 + tab1
	tab3 = tab2 + tab1
	tab4 = tab3 + tab1
)

// showTarget shows all targets in tgt's layout, or with --tid the parameters of one.
func showTarget(c *call) error {
	if c.tid != unset {
		t, err := c.target()
		if err != nil {
			return err
		}
		showParams(c.out, &t.Limits)
		return nil
	}
	sessions, err := c.node.Sessions(c.ctx, admin.SessionFilter{})
	if err != nil {
		return err
	}
	targets := slices.Clone(c.cfg.Targets)
	slices.SortFunc(targets, func(a, b config.Target) int { return c.note.data.Targets[a.Name] - c.note.data.Targets[b.Name] })
	for i := range targets {
		c.showOne(&targets[i], sessions)
	}
	return nil
}

func (c *call) showOne(t *config.Target, sessions []admin.Session) {
	tid := c.note.data.Targets[t.Name]
	fmt.Fprintf(c.out, "Target %d: %s\n"+tab1+"System information:\n"+tab2+"Driver: iscsi\n"+tab2+"State: ready\n", tid, t.Name)
	fmt.Fprintf(c.out, tab1+"I_T nexus information:\n")
	for _, s := range sessions {
		if s.Target != t.Name {
			continue
		}
		fmt.Fprintf(c.out, tab2+"I_T nexus: %d\n"+tab3+"Initiator: %s alias: none\n", s.TSIH, s.Initiator)
		for _, conn := range s.Connections {
			fmt.Fprintf(c.out, tab3+"Connection: %d\n"+tab4+"IP Address: %s\n", conn.CID, host(conn.Remote))
		}
	}
	fmt.Fprintf(c.out, tab1+"LUN information:\n")
	if unit(t, 0) == nil { // LUN 0 of tgt is a controller, which scripts expect
		showUnit(c.out, &shown{kind: "controller", id: scsiID(tid, 0), serial: scsiSN(tid, 0), block: 1, store: "null", path: "None"})
	}
	for i := range t.LUNs {
		showUnit(c.out, shownOf(tid, &t.LUNs[i]))
	}
	fmt.Fprintf(c.out, tab1+"Account information:\n")
	for i := range t.Access.Accounts {
		fmt.Fprintf(c.out, tab2+"%s\n", t.Access.Accounts[i].User)
	}
	if m := t.Access.Mutual; m != nil {
		fmt.Fprintf(c.out, tab2+"%s (outgoing)\n", m.User)
	}
	fmt.Fprintf(c.out, tab1+"ACL information:\n")
	for _, rule := range rules(t) {
		fmt.Fprintf(c.out, tab2+"%s\n", rule)
	}
}

// scsiID and scsiSN are what tgt shows of a unit that was given none.
func scsiID(tid, number int) string { return fmt.Sprintf("IET     %04x%04x", tid, number) }
func scsiSN(tid, number int) string { return fmt.Sprintf("beaf%d%d", tid, number) }

// shown is what tgt shows of a logical unit.
type shown struct {
	number         int
	kind           string
	id, serial     string
	size           int64
	block          int64
	removable      bool
	readOnly, thin bool
	store, path    string
	flags          string
}

func shownOf(tid int, l *config.LUN) *shown {
	s := &shown{
		number: l.Number, kind: "disk", id: scsiID(tid, l.Number), serial: l.Serial, size: l.Size, block: l.BlockSize,
		removable: l.Removable, readOnly: l.ReadOnly, thin: l.Thin, store: "rdwr", path: l.Path,
	}
	if l.ID != "" {
		_, number := lun.Names(l.ID, l.Serial)
		s.id, s.serial = l.ID, number
	}
	if s.serial == "" {
		s.serial = scsiSN(tid, l.Number)
	}
	if s.block == 0 {
		s.block = 512
	}
	if l.Direct == backend.DirectOn {
		s.flags = "direct"
	}
	if !l.Persistent() {
		s.store, s.path = "null", "None"
	} else if n := sizeOf(l.Path); n > 0 {
		s.size = n
	}
	return s
}

// sizeOf is the size of a file or device in bytes, 0 if it cannot be read here.
func sizeOf(path string) int64 {
	f, err := os.Open(path)
	if err != nil {
		return 0
	}
	defer f.Close()
	n, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return 0
	}
	return n
}

func showUnit(w io.Writer, s *shown) {
	yes := map[bool]string{true: "Yes", false: "No"}
	fmt.Fprintf(w, tab2+"LUN: %d\n"+
		tab3+"Type: %s\n"+
		tab3+"SCSI ID: %s\n"+
		tab3+"SCSI SN: %s\n"+
		tab3+"Size: %d MB, Block size: %d\n"+
		tab3+"Online: Yes\n"+
		tab3+"Removable media: %s\n"+
		tab3+"Prevent removal: No\n"+
		tab3+"Readonly: %s\n"+
		tab3+"SWP: No\n"+
		tab3+"Thin-provisioning: %s\n"+
		tab3+"Backing store type: %s\n"+
		tab3+"Backing store path: %s\n"+
		tab3+"Backing store flags: %s\n",
		s.number, s.kind, s.id, s.serial, megabytes(s.size), s.block, yes[s.removable], yes[s.readOnly], yes[s.thin], s.store, s.path, s.flags)
}

// megabytes rounds as tgt does: to 10^6 bytes.
func megabytes(n int64) int64 {
	sectors := n / 512
	if sectors == 0 {
		return 0
	}
	return (sectors - (sectors/625 - 974)) / 1950
}

// showParams shows the parameters of a target. What it offers in a login is in session/keys.go.
func showParams(w io.Writer, l *config.Limits) {
	or := func(n, def int64) int64 {
		if n == 0 {
			return def
		}
		return n
	}
	yes := map[bool]string{true: "Yes", false: "No"}
	fmt.Fprintf(w, "MaxRecvDataSegmentLength=%d\nHeaderDigest=None,CRC32C\nDataDigest=None,CRC32C\nInitialR2T=%s\nMaxOutstandingR2T=1\n"+
		"ImmediateData=%s\nFirstBurstLength=%d\nMaxBurstLength=%d\nDataPDUInOrder=Yes\nDataSequenceInOrder=Yes\nErrorRecoveryLevel=0\n"+
		"MaxConnections=%d\n",
		or(l.MaxRecvDataSegmentLength, 262144), yes[l.InitialR2T], yes[!l.NoImmediateData], or(l.FirstBurstLength, 262144),
		or(l.MaxBurstLength, 1048576), or(int64(l.MaxConnections), session.MaxConnections))
}
