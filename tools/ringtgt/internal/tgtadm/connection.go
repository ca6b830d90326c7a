package tgtadm

import (
	"errors"
	"fmt"
	"net"

	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/admin"
)

// deleteConnection closes a connection: --sid is the TSIH of its session.
func deleteConnection(c *call) error {
	t, err := c.target()
	if err != nil {
		return err
	}
	if c.sid <= 0 || c.sid > 0xFFFF {
		return noSession
	}
	f := admin.SessionFilter{Target: t.Name, TSIH: uint16(c.sid)}
	sessions, err := c.node.Sessions(c.ctx, f)
	if err != nil {
		return err
	}
	if len(sessions) == 0 {
		return noSession
	}
	if c.cid != unset {
		cid := uint16(c.cid)
		found := false
		for _, conn := range sessions[0].Connections {
			found = found || conn.CID == cid
		}
		if !found {
			return noConnection
		}
		f.CID = &cid
	}
	_, err = c.node.Kick(c.ctx, f, true)
	if errors.Is(err, admin.ErrNotFound) {
		return nil // it has gone by itself
	}
	return err
}

func showConnections(c *call) error {
	t, err := c.target()
	if err != nil {
		return err
	}
	sessions, err := c.node.Sessions(c.ctx, admin.SessionFilter{Target: t.Name})
	if err != nil {
		return err
	}
	for _, s := range sessions {
		for _, conn := range s.Connections {
			fmt.Fprintf(c.out, "Session: %d\n    Connection: %d\n        Initiator: %s\n        IP Address: %s\n",
				s.TSIH, conn.CID, s.Initiator, host(conn.Remote))
		}
	}
	return nil
}

// host is the address of HOST:PORT.
func host(hostPort string) string {
	if h, _, err := net.SplitHostPort(hostPort); err == nil {
		return h
	}
	return hostPort
}
