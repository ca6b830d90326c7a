package lun

import (
	"encoding/hex"
	"strings"
	"sync/atomic"
)

// NexusConfig names an I_T nexus (RFC 7143 4.4.2): the initiator port is InitiatorName + ISID, the target port is the
// target's name + TPGT; RelPort is that port's RELATIVE TARGET PORT IDENTIFIER (SPC-4 7.8.6.8), from 1 on.
type NexusConfig struct {
	InitiatorName string
	Account       string // the CHAP account that logged in; "": no CHAP
	ISID          [6]byte
	TPGT          uint16
	RelPort       uint16
	ProtocolLevel uint16 // the session's iSCSIProtocolLevel (RFC 7144)
}

// Nexus is an I_T nexus: one session. Its tasks may run on several loops at once.
type Nexus struct {
	NexusConfig
	target   *Target
	view     atomic.Pointer[view] // what its initiator sees of the target
	portName string
	closed   atomic.Bool
	// pending holds the unit attentions of the I_T_L nexuses, by the units' own numbers: see ua.go.
	pending [MaxLUNs]atomic.Uint32
	copies  copyLog
	losses  nexusLosses
}

// portNameOf is the name of an initiator port: "<InitiatorName>,i,0x<ISID>" (RFC 7143 4.4.2 and SPC-4 7.6.4.6). iSCSI names compare
// regardless of case (RFC 7143 4.2.7.2), so the key of a nexus is in lower case.
func (cfg *NexusConfig) portNameOf() string {
	return strings.ToLower(cfg.InitiatorName) + ",i,0x" + hex.EncodeToString(cfg.ISID[:])
}

// NewNexus makes the I_T nexus of a new session. Each unit starts with POWER ON, RESET, OR BUS DEVICE RESET OCCURRED
// pending (SAM-5 6.2), or with I_T NEXUS LOSS OCCURRED for a port that had a nexus before (SAM-5 6.3.4).
func (tg *Target) NewNexus(cfg NexusConfig) *Nexus {
	n := &Nexus{NexusConfig: cfg, target: tg}
	n.portName = cfg.portNameOf()
	tg.mu.Lock()
	tg.nexuses[n] = struct{}{}
	n.losses.from = tg.lossesOf(strings.ToLower(cfg.InitiatorName), n.portName)
	a := tg.greeting(n.portName, n.losses.from)
	n.look(tg.units.Load())
	for _, u := range n.view.Load().list {
		n.greet(u, a)
	}
	tg.mu.Unlock()
	return n
}

// greeting returns the unit attention for a new nexus of the initiator port, under mu. losses is the last loss that need
// not be reported to the port.
func (tg *Target) greeting(port string, losses uint64) attention {
	if _, ok := tg.seen[port]; ok {
		return uaNexusLoss
	}
	if len(tg.seen) < maxSeenPorts {
		tg.seen[port] = losses
	}
	return uaPowerOn
}

// Target is the target that the nexus leads to.
func (n *Nexus) Target() *Target { return n.target }

// PortName is the SCSI name of the initiator port.
func (n *Nexus) PortName() string { return n.portName }

// Reset is I_T NEXUS RESET (SAM-5 7.6, RFC 7144): the nexus loss of Close, but the nexus stays. The engine has aborted
// its tasks.
func (n *Nexus) Reset() {
	for _, u := range n.target.Units() {
		u.nexusLost(n)
		n.attend(u, uaNexusLoss)
	}
}

// Close is the I_T nexus loss (SAM-5 6.3.4): its tasks were aborted by the engine, its RESERVE(6) reservations and
// medium removal preventions end, its persistent registrations stay.
func (n *Nexus) Close() {
	if n.closed.Swap(true) {
		return
	}
	tg := n.target
	tg.mu.Lock()
	delete(tg.nexuses, n)
	if _, ok := tg.seen[n.portName]; ok {
		tg.seen[n.portName] = n.knows()
	}
	tg.mu.Unlock()
	for _, u := range tg.Units() {
		u.nexusLost(n)
	}
}
