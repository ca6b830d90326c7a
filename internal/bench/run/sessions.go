package run

import (
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/ringtgt/ringtgt/bench/initiator"
	"github.com/ringtgt/ringtgt/bench/initiator/proto"
)

// initiatorName is the initiator name without --initiator; several jobs append their number to it.
const initiatorName = "iqn.2026-11.io.ringtgt:bench"

// probeSession is the number of the probe's session, which no load uses.
const probeSession = maxSessions

// session describes one session of the load. Their ISIDs are of the random type (RFC 7143 11.12.5), and in one run differ only
// in the qualifier, so that two benchmarks do not reinstate each other's sessions.
func (p *plan) session(i int) initiator.Config {
	name := p.Initiator
	if name == "" {
		name = initiatorName
		if p.NumJobs > 1 && i != probeSession {
			name += fmt.Sprintf(".%d", i/p.Sessions)
		}
	}
	return initiator.Config{
		Portals: []string{p.portal}, TargetName: p.url.Target, InitiatorName: name,
		ISID:        [6]byte{isidRandom, p.isid[0], p.isid[1], p.isid[2], byte(i >> 8), byte(i)},
		Connections: p.Connections, Keys: p.keys, CHAP: p.chap, Tasks: p.tasks(),
	}
}

const isidRandom = 0x80

func (p *plan) newISID() { _, _ = rand.Read(p.isid[:]) }

// tasks is room for the depth, which in an open loop the initiator chooses.
func (p *plan) tasks() int {
	if p.IODepth == 0 {
		return 0
	}
	return max(p.IODepth, proto.DefaultTasks)
}

// open describes all sessions of the load.
func (p *plan) open() []initiator.Config {
	all := make([]initiator.Config, p.all)
	for i := range all {
		all[i] = p.session(i)
	}
	return all
}

// granted fails if the target granted less than requested.
func (p *plan) granted(ls *initiator.Loops) error {
	for _, s := range ls.Sessions() {
		if s.Granted < p.Connections {
			return fmt.Errorf("--connections %d: the target grants a session %d (MaxConnections)", p.Connections, s.Granted)
		}
		if c := s.Params().Conn; c.HeaderDigest != p.keys.HeaderDigest || c.DataDigest != p.keys.DataDigest {
			return fmt.Errorf("--digests %s: the target grants others", p.Digests)
		}
	}
	return nil
}

// attention reports whether a command ended in CHECK CONDITION with the sense key UNIT ATTENTION (SPC-4 4.5.6).
func attention(err error) bool {
	status := new(initiator.StatusError)
	if !errors.As(err, &status) {
		return false
	}
	key, _, _, ok := proto.SenseCode(status.Sense)
	return ok && key == 0x06
}
