package main

import (
	"context"
	"encoding/hex"
	"strings"

	"github.com/ringtgt/ringtgt/engine"
	"github.com/ringtgt/ringtgt/session"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/admin"
)

// Sessions implements admin.Node.
func (m *manager) Sessions(_ context.Context, f admin.SessionFilter) ([]admin.Session, error) {
	out := []admin.Session{}
	for _, s := range m.d.engine.Sessions() {
		if (f.Target == "" || strings.EqualFold(f.Target, s.Target)) && (f.Initiator == "" || strings.EqualFold(f.Initiator, s.Initiator)) &&
			(f.Account == "" || f.Account == s.Account) && (f.TSIH == 0 || f.TSIH == s.TSIH) {
			out = append(out, sessionOf(s))
		}
	}
	return out, nil
}

// Kick implements admin.Node. It does not wait for the manager: a session may be what a change in progress waits for.
func (m *manager) Kick(ctx context.Context, f admin.SessionFilter, force bool) ([]admin.Session, error) {
	ended, err := m.d.engine.LogOut(ctx, func(s *session.Session, c session.Member) bool {
		return (f.Target == "" || strings.EqualFold(f.Target, s.TargetName())) && (f.Initiator == "" || strings.EqualFold(f.Initiator, s.InitiatorName)) &&
			(f.Account == "" || f.Account == s.Account) && (f.TSIH == 0 || f.TSIH == s.TSIH) && (f.CID == nil || *f.CID == c.CID)
	}, force)
	out := []admin.Session{}
	for _, s := range ended {
		out = append(out, sessionOf(s))
	}
	return out, err
}

func sessionOf(s engine.Session) admin.Session {
	out := admin.Session{
		Target: s.Target, Initiator: s.Initiator, ISID: hex.EncodeToString(s.ISID[:]), TSIH: s.TSIH, Account: s.Account, Since: s.Since,
		Connections: []admin.Connection{},
	}
	for _, c := range s.Connections {
		out.Connections = append(out.Connections, admin.Connection{CID: c.CID, Remote: c.Remote.String(), Local: c.Local.String(), Loop: c.Loop})
	}
	return out
}
