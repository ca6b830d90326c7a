package conform

// Target is the target under test, and who logs in to it.
type Target struct {
	Portal    string // HOST:PORT
	Name      string // "": the only one of the portal, by discovery
	LUN       uint64 // as in a PDU (SAM-5, 4.7)
	Initiator string // its name

	User, Secret             string // CHAP; "": none
	MutualUser, MutualSecret string // that the target proves itself with; "": not asked for

	Grants Grants // found out before the first case
}

// Grants are what the target agrees to when everything is offered, and what its unit is.
type Grants struct {
	Params       Params
	HeaderDigest bool
	DataDigest   bool
	Unit         bool   // the unit answers
	NoUnit       string // why not
	BlockSize    int
	Blocks       int64
	Open         bool // a login without CHAP succeeds
}

// missing returns why a case that needs n cannot be tried, "" if it can.
func (g *Target) missing(n Needs, destructive bool) string {
	p := g.Grants.Params
	for _, m := range []struct {
		need Needs
		ok   bool
		why  string
	}{
		{Writes, destructive, "it writes to the unit: --destructive allows that"},
		{Unit | Writes, g.Grants.Unit, "no unit that answers: " + g.Grants.NoUnit},
		{Several, p.Number("MaxConnections") > 1, "the target grants MaxConnections=" + p["MaxConnections"]},
		{HeaderDigest, g.Grants.HeaderDigest, "the target does not take HeaderDigest=CRC32C"},
		{DataDigest, g.Grants.DataDigest, "the target does not take DataDigest=CRC32C"},
		{ERL1 | ERL2, p.Number("ErrorRecoveryLevel") >= 1, "the target grants ErrorRecoveryLevel=" + p["ErrorRecoveryLevel"]},
		{ERL2, p.Number("ErrorRecoveryLevel") >= 2, "the target grants ErrorRecoveryLevel=" + p["ErrorRecoveryLevel"]},
		{Credentials | Mutual, g.User != "", "the URL has no CHAP name"},
		{Mutual, g.MutualSecret != "", "there is no secret of the target's"},
		{Open, g.Grants.Open, "the target demands CHAP"},
		{Level2, p.Number("iSCSIProtocolLevel") >= 2, "the target grants iSCSIProtocolLevel=" + p["iSCSIProtocolLevel"]},
	} {
		if n&m.need != 0 && !m.ok {
			return m.why
		}
	}
	return ""
}
