package lun

import "math/bits"

// attention is a unit attention condition (SAM-5 5.14) as a bit of an I_T_L nexus's pending set. A lower bit is
// reported first: SAM-5 5.14.1 gives 29h the highest precedence, leaves the order of the others to us, and lets one
// condition be pending once.
type attention uint32

const (
	uaPowerOn                attention = 1 << iota // 29/00 POWER ON, RESET, OR BUS DEVICE RESET OCCURRED
	uaPowerOnOccurred                              // 29/01 POWER ON OCCURRED: a target cold reset
	uaTargetReset                                  // 29/02 SCSI BUS RESET OCCURRED: a target reset
	uaUnitReset                                    // 29/03 BUS DEVICE RESET FUNCTION OCCURRED: a logical unit reset
	uaNexusLoss                                    // 29/07 I_T NEXUS LOSS OCCURRED
	uaCommandsCleared                              // 2F/00 COMMANDS CLEARED BY ANOTHER INITIATOR
	uaCommandsTerminated                           // 47/7F SOME COMMANDS CLEARED BY ISCSI PROTOCOL EVENT
	uaReservationsPreempted                        // 2A/03
	uaReservationsReleased                         // 2A/04
	uaRegistrationsPreempted                       // 2A/05
	uaMediumChanged                                // 28/00 NOT READY TO READY CHANGE, MEDIUM MAY HAVE CHANGED
	uaModeChanged                                  // 2A/01 MODE PARAMETERS CHANGED
	uaCapacityChanged                              // 2A/09 CAPACITY DATA HAS CHANGED
	uaLUNsChanged                                  // 3F/0E REPORTED LUNS DATA HAS CHANGED
	uaAsymmetricChanged                            // 2A/06 ASYMMETRIC ACCESS STATE CHANGED
	uaThinThreshold                                // 38/07 THIN PROVISIONING SOFT THRESHOLD REACHED
	uaInquiryChanged                               // 3F/03 INQUIRY DATA HAS CHANGED
	uaMicrocode                                    // 3F/01

	// unseen is not reported: it marks a unit that the nexus does not see any more, for commands that are on their way to it.
	unseen attention = 1 << (attentionCount - 1)
)

// uaASC gives each attention's additional sense code, in bit order.
var uaASC = [...]ASC{0x2900, 0x2901, 0x2902, 0x2903, 0x2907, 0x2F00, 0x477F, 0x2A03, 0x2A04, 0x2A05, 0x2800, 0x2A01, 0x2A09, 0x3F0E, 0x2A06, 0x3807, 0x3F03, 0x3F01}

// attentionMask has the bits of pending that are attentions. Those above it are the unit's generation: which of the units that have had
// the LUN one after the other they belong to. So a command of a unit that was removed neither sets nor takes an attention of the unit
// that has its number now.
const (
	attentionCount = 19
	attentionMask  = 1<<attentionCount - 1
)

// asc returns the additional sense code of one attention.
func (a attention) asc() ASC { return uaASC[bits.TrailingZeros32(uint32(a))] }

// attentionSense is the sense data of an attention of u.
func (u *Unit) attentionSense(a attention) sense {
	s := sense{key: UnitAttention, asc: a.asc()}
	if a == uaThinThreshold { // SBC-3 4.7.3.7.6: where in the mode page the threshold is
		s.hasInfo, s.info = true, thinDescriptor
	}
	return s
}

// attend establishes a for the I_T_L nexus of n and u, unless u was removed. It reports whether a was not pending before.
func (n *Nexus) attend(u *Unit, a attention) bool {
	p := &n.pending[u.lun]
	for {
		old := p.Load()
		if old&^attentionMask != u.generation {
			return false
		}
		if p.CompareAndSwap(old, old|uint32(a)) {
			return old&uint32(a) == 0
		}
	}
}

// greet makes a the only attention that is pending for the I_T_L nexus of n and u, which is new to one of them.
func (n *Nexus) greet(u *Unit, a attention) { n.pending[u.lun].Store(u.generation | uint32(a)) }

// Terminated establishes the attention for a command that ended with its connection (RFC 7143, 11.14.5), whatever the unit that has
// the LUN by now.
func (n *Nexus) Terminated(lun uint64) {
	if u := n.Lookup(lun); u != nil {
		n.attend(u, uaCommandsTerminated)
	}
}

// takeAttention clears and returns the pending attention of highest precedence among those in only, 0 if there is none.
func (n *Nexus) takeAttention(u *Unit, only attention) attention {
	p := &n.pending[u.lun]
	for {
		old := p.Load()
		set := old & uint32(only&^unseen) & attentionMask
		if set == 0 || old&^attentionMask != u.generation {
			return 0
		}
		bit := set & -set
		if p.CompareAndSwap(old, old&^bit) {
			return attention(bit)
		}
	}
}

// Attentions returns how many attentions are pending for the I_T_L nexus of n and u, and the sense key and code of the one that is
// reported first. They stay pending.
func (n *Nexus) Attentions(u *Unit) (key SenseKey, asc ASC, count int) {
	p := n.pending[u.lun].Load()
	set := p & attentionMask &^ uint32(unseen)
	if set == 0 || p&^attentionMask != u.generation {
		return 0, 0, 0
	}
	return UnitAttention, attention(set & -set).asc(), bits.OnesCount32(set)
}

// attendAll establishes a on u for every I_T nexus but except (which may be nil).
func (u *Unit) attendAll(a attention, except *Nexus) {
	u.attendIf(a, func(n *Nexus) bool { return n != except })
}

// attendIf establishes a on u for the I_T nexuses that match.
func (u *Unit) attendIf(a attention, match func(*Nexus) bool) {
	u.target.eachNexus(func(n *Nexus) {
		if match(n) {
			n.attend(u, a)
		}
	})
}
