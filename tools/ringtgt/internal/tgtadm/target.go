package tgtadm

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/admin"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
)

// newTarget makes a target that nobody may log in to yet, as tgt does.
func newTarget(c *call) error {
	if c.note.name(c.tid) != "" || c.note.data.Targets[c.targetName] != 0 {
		return targetExists
	}
	// The number is noted first: if tgtadm is killed between the two, the next one forgets a number without a target, but would give a
	// target without a number another one.
	c.note.data.Targets[c.targetName] = c.tid
	if err := c.note.save(); err != nil {
		return err
	}
	err := c.do(map[error]failure{admin.ErrExists: targetExists},
		admin.AddTarget{Name: c.targetName},
		admin.AddACL{Target: c.targetName, Networks: []netip.Prefix{closed}})
	if err == nil {
		return nil
	}
	delete(c.note.data.Targets, c.targetName)
	if err := c.note.save(); err != nil {
		return err
	}
	return err
}

// deleteTarget removes a target with its logical units. With sessions it needs --force.
func deleteTarget(c *call) error {
	t, err := c.target()
	if err != nil {
		return err
	}
	if !c.force {
		sessions, err := c.node.Sessions(c.ctx, admin.SessionFilter{Target: t.Name})
		if err != nil {
			return err
		}
		if len(sessions) > 0 {
			return targetActive
		}
	}
	op := admin.RemoveTarget{Name: t.Name}
	op.Force.Force = c.force
	if err := c.do(map[error]failure{admin.ErrNotFound: noTarget, admin.ErrInUse: targetActive}, op); err != nil {
		return err
	}
	delete(c.note.data.Targets, t.Name)
	return c.note.save()
}

// updateTarget changes one parameter of a target.
func updateTarget(c *call) error {
	t, err := c.target()
	if err != nil {
		return err
	}
	l := t.Limits
	switch set := limits[c.name]; {
	case set != nil:
		if !set(&l, c.value) {
			return invalid
		}
	case negotiated[c.name]:
		c.remark("%s is negotiated with each initiator: the value has no effect", c.name)
		return nil
	case c.name == "state" && c.value == "ready":
		return nil
	case c.name == "state", strings.HasPrefix(c.name, "nop_"), strings.HasPrefix(c.name, "Redirect"):
		return unsupported
	default:
		return unknownParam
	}
	return c.do(map[error]failure{admin.ErrNotFound: noTarget}, admin.SetTarget{Name: t.Name, Limits: &l})
}

// limits are the parameters of a target that are bounds of ours, by their names in RFC 7143.
var limits = map[string]func(l *config.Limits, v string) bool{
	"MaxRecvDataSegmentLength": size(func(l *config.Limits) *int64 { return &l.MaxRecvDataSegmentLength }),
	"MaxBurstLength":           size(func(l *config.Limits) *int64 { return &l.MaxBurstLength }),
	"FirstBurstLength":         size(func(l *config.Limits) *int64 { return &l.FirstBurstLength }),
	"MaxConnections": func(l *config.Limits, v string) bool {
		n, err := strconv.Atoi(v)
		l.MaxConnections = n
		return err == nil && n > 0
	},
	"InitialR2T":    yesNo(func(l *config.Limits, yes bool) { l.InitialR2T = yes }),
	"ImmediateData": yesNo(func(l *config.Limits, yes bool) { l.NoImmediateData = !yes }),
}

func size(to func(*config.Limits) *int64) func(*config.Limits, string) bool {
	return func(l *config.Limits, v string) bool {
		n, err := strconv.ParseInt(v, 0, 64)
		*to(l) = n
		return err == nil && n > 0
	}
}

func yesNo(set func(*config.Limits, bool)) func(*config.Limits, string) bool {
	return func(l *config.Limits, v string) bool {
		yes := strings.EqualFold(v, "yes")
		set(l, yes)
		return yes || strings.EqualFold(v, "no")
	}
}

// negotiated are keys that tgt lets administrators set, and whose values the initiator's needs decide here.
var negotiated = map[string]bool{
	"HeaderDigest": true, "DataDigest": true, "MaxOutstandingR2T": true, "DataPDUInOrder": true, "DataSequenceInOrder": true,
	"ErrorRecoveryLevel": true, "IFMarker": true, "OFMarker": true, "DefaultTime2Wait": true, "DefaultTime2Retain": true,
	"OFMarkInt": true, "IFMarkInt": true, "RDMAExtensions": true, "TargetRecvDataSegmentLength": true,
	"InitiatorRecvDataSegmentLength": true, "MaxOutstandingUnexpectedPDUs": true, "MaxXmitDataSegmentLength": true, "MaxQueueCmd": true,
}
