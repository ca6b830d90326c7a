package main

import (
	"cmp"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"github.com/ringtgt/ringtgt/engine"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/admin"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/control"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/health"
)

// targetStatus returns the status of a target, and the health of its units.
func (s *serving) targetStatus(t *servedTarget, sp *spaceReport) (control.Target, []health.Report) {
	out := control.Target{Name: t.cfg.Name, Alias: t.cfg.Alias, CHAP: chapName(t.cfg.Access), Portals: []string{}, LUNs: []control.LUN{}, Owner: t.cfg.At.Origin().String()}
	accessStatus(&out, &t.cfg.Access)
	for _, p := range s.at(t) {
		out.Portals = append(out.Portals, p.bound.String()+","+strconv.Itoa(int(p.Group)))
	}
	var reports []health.Report
	current := map[int]*config.LUN{} // a unit has its configuration of when it was opened
	for i := range t.cfg.LUNs {
		current[t.cfg.LUNs[i].Number] = &t.cfg.LUNs[i]
	}
	for _, u := range t.units {
		r := u.health.Report()
		reports = append(reports, r)
		l := lunStatus(u, &r, sp)
		if c := current[u.cfg.Number]; c != nil {
			l.Owner = c.At.Origin().String()
			for _, e := range c.Exports {
				l.Exports = append(l.Exports, control.Export{Initiators: e.Initiators, Accounts: e.Accounts, LUN: e.Number})
			}
		}
		out.LUNs = append(out.LUNs, l)
	}
	return out, reports
}

// accessStatus fills in who may log in.
func accessStatus(out *control.Target, a *config.Access) {
	out.Accounts = []string{}
	for _, acc := range a.Accounts {
		out.Accounts = append(out.Accounts, acc.User)
	}
	if a.Mutual != nil {
		out.Mutual = a.Mutual.User
	}
	if len(a.Initiators)+len(a.Networks) == 0 {
		return
	}
	out.ACL = &control.ACL{Initiators: a.Initiators}
	for _, n := range a.Networks {
		out.ACL.Networks = append(out.ACL.Networks, n.String())
	}
}

func lunStatus(u *servedUnit, r *health.Report, sp *spaceReport) control.LUN {
	g := u.backend.Geometry()
	naa, serial := lun.Names(u.config.ID, u.config.Serial)
	out := control.LUN{
		LUN: u.cfg.Number, Health: lunHealth(r), Kind: string(u.cfg.Kind), Path: u.cfg.Path, Bytes: g.Blocks * uint64(g.BlockSize),
		BlockSize: g.BlockSize, ReadOnly: u.config.ReadOnly || g.ReadOnly, Removable: u.cfg.Removable,
		Thin: u.config.Thin, Volatile: g.Volatile, ID: u.config.ID, Serial: u.cfg.Serial, SerialNumber: strings.TrimSpace(serial), NAA: hex.EncodeToString(naa[:]),
		Notes: u.notes, Reservation: reservationStatus(u.unit),
	}
	out.ByID = byID(out.NAA)
	if use, ok := sp.usage(u.cfg); ok {
		out.Space = &control.Space{Allocated: use.Allocated, Available: use.Available}
	}
	if !u.medium.IsZero() {
		out.Medium = u.medium.String()
	}
	return out
}

// byID returns the names that udev's rule 60-persistent-storage gives an initiator's disk below /dev/disk/by-id: from the NAA
// designator of VPD page 83h, which scsi_id prefers to all others, with the type 3 of that designator before it.
func byID(naa string) []string { return []string{"wwn-0x" + naa, "scsi-3" + naa} }

// reservationStatus returns a unit's reservation, nil if there is none.
func reservationStatus(u *lun.Unit) *control.Reservation {
	info, reserved := u.Reservation()
	if !reserved {
		return nil
	}
	r := &control.Reservation{Type: info.Type, Initiator: info.Holder, Registrants: info.Registrants}
	if i := strings.LastIndex(info.Holder, ",i,0x"); i >= 0 {
		r.Initiator, r.ISID = info.Holder[:i], info.Holder[i+len(",i,0x"):]
	}
	return r
}

// sessionsOf returns the engine's sessions as status shows them, in the order of their TSIHs.
func sessionsOf(all []engine.Session) []admin.Session {
	out := make([]admin.Session, 0, len(all))
	for i := range all {
		s := &all[i]
		n := admin.Session{
			Target: s.Target, Initiator: s.Initiator, ISID: hex.EncodeToString(s.ISID[:]), TSIH: s.TSIH, Account: s.Account, Since: s.Since,
			Connections: []admin.Connection{},
		}
		for _, c := range s.Connections {
			n.Connections = append(n.Connections, admin.Connection{CID: c.CID, Remote: c.Remote.String(), Local: c.Local.String(), Loop: c.Loop})
		}
		slices.SortFunc(n.Connections, func(a, b admin.Connection) int { return cmp.Compare(a.CID, b.CID) })
		out = append(out, n)
	}
	slices.SortFunc(out, func(a, b admin.Session) int { return cmp.Compare(a.TSIH, b.TSIH) })
	return out
}

// setQoS fills in what the units' own limits have done.
func setQoS(st *control.Status, all []engine.QoSStatus) {
	byUnit := map[control.UnitID]*control.QoS{}
	for i := range all {
		q := &all[i]
		if q.LUN >= 0 {
			byUnit[control.UnitID{Target: q.Target, LUN: q.LUN}] = &control.QoS{
				ReadIOPS: q.Rate.ReadIOPS, WriteIOPS: q.Rate.WriteIOPS, ReadBytes: q.Rate.ReadBytes, WriteBytes: q.Rate.WriteBytes,
				HeldNow: q.HeldNow, Held: q.Held, HeldNanos: int64(q.HeldTime),
			}
		}
	}
	for i := range st.Targets {
		t := &st.Targets[i]
		for j := range t.LUNs {
			t.LUNs[j].QoS = byUnit[control.UnitID{Target: t.Name, LUN: t.LUNs[j].LUN}]
		}
	}
}
