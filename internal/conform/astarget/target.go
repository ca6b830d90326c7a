package astarget

import (
	"sync"
	"time"

	"github.com/ringtgt/ringtgt/internal/conform"
	"github.com/ringtgt/ringtgt/pdu"
)

// Config is what a Target serves and how.
type Config struct {
	Name   string // iSCSI name of the target
	Size   int64  // of the disk in bytes, a multiple of 512
	Strict bool   // a SHOULD counts like a MUST
	Gentle bool   // leave out the scenarios that an initiator may give up at
	// User and Secret are what an initiator must prove by CHAP; none without a user. MutualUser and MutualSecret are the target's own.
	User, Secret, MutualUser, MutualSecret string
	// Said is called with a line about each thing that happens; may be nil.
	Said func(line string)
}

// Target is the scripted target. Its methods may be called from any goroutine.
type Target struct {
	cfg Config

	mu       sync.Mutex
	clock    clock
	judge    *judge
	disk     *disk
	began    time.Time
	conns    map[*conn]bool
	made     int // connections so far
	sessions map[uint16]*session
	lastTSIH uint16
	plan     plan
	cut      map[nexus]cut // connections that were cut, until their session is reinstated
}

// nexus is an initiator port (RFC 7143, 4.4.2).
type nexus struct {
	name string
	isid [6]byte
}

// cut is a connection that this target ended on purpose.
type cut struct {
	at   time.Time
	wait time.Duration // Time2Wait
}

// clock is time, which tests replace.
type clock interface {
	now() time.Time
	after(d time.Duration, f func()) (stop func())
}

// realClock calls back under the target's lock.
type realClock struct{ mu *sync.Mutex }

func (realClock) now() time.Time { return time.Now() }

func (k realClock) after(d time.Duration, f func()) (stop func()) {
	t := time.AfterFunc(d, func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		f()
	})
	return func() { t.Stop() }
}

// New returns a target that listens nowhere yet.
func New(cfg Config) (*Target, error) {
	j, err := newJudge()
	if err != nil {
		return nil, err
	}
	t := &Target{
		cfg: cfg, judge: j, disk: newDisk(cfg.Size), conns: map[*conn]bool{}, sessions: map[uint16]*session{}, cut: map[nexus]cut{},
	}
	t.clock = realClock{&t.mu}
	t.began = t.clock.now()
	t.plan = newPlan(cfg.Gentle, cfg.MutualSecret != "")
	return t, nil
}

// Results are the verdicts so far.
func (t *Target) Results() []conform.Result {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.judge.results(t.cfg.Strict)
}

// Scenarios says of each scenario whether it was played.
func (t *Target) Scenarios() (played, left []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.plan.names()
}

func (t *Target) say(line string) {
	if t.cfg.Said != nil {
		t.cfg.Said(line)
	}
}

// session is what the connections of a session share.
type session struct {
	t         *Target
	tsih      uint16
	nexus     nexus
	discovery bool
	p         params
	conns     map[uint16]*conn
	many      bool // it had more than one connection

	exp, max  uint32 // ExpCmdSN and MaxCmdSN
	initial   uint32 // CmdSN of the login
	first     bool   // the first command is due
	held      map[uint32]*task
	tasks     map[uint32]*task
	closed    bool   // a logout ended the session
	shut      bool   // MaxCmdSN does not move
	attention bool   // the next command gets a unit attention
	done      int    // commands that were answered
	gap       bool   // ExpCmdSN waits for a command that was rejected
	playing   string // the scenario that goes on
	lastTTT   uint32
}

// params are the session's parameters, with the defaults of RFC 7143, 13.
type params struct {
	initialR2T, immediateData, pduInOrder, sequenceInOrder bool
	firstBurst, maxBurst, outstandingR2T, maxConnections   uint32
	time2Wait, time2Retain                                 uint32
}

var defaults = params{
	initialR2T: true, immediateData: true, pduInOrder: true, sequenceInOrder: true,
	firstBurst: 65536, maxBurst: 262144, outstandingR2T: 1, maxConnections: 1, time2Wait: 2, time2Retain: 20,
}

// open is the session of a login that came to its end.
func (t *Target) open(c *conn) *session {
	s := &session{
		t: t, nexus: c.login.nexus(), discovery: c.login.discovery, p: c.login.params, conns: map[uint16]*conn{},
		exp: c.login.cmdSN, initial: c.login.cmdSN, first: true, held: map[uint32]*task{}, tasks: map[uint32]*task{}, attention: true,
	}
	for s.tsih == 0 || t.sessions[s.tsih] != nil {
		t.lastTSIH++
		s.tsih = t.lastTSIH
	}
	s.max = s.exp + firstWindow - 1
	t.sessions[s.tsih] = s
	return s
}

// reinstated ends an older session of the same nexus (RFC 7143, 6.3.5).
func (t *Target) reinstated(n nexus) {
	for _, s := range t.sessions {
		if s.nexus == n && !s.discovery {
			for _, c := range s.conns {
				c.end("its session was reinstated")
			}
			s.forget()
		}
	}
}

// forget removes the session.
func (s *session) forget() {
	delete(s.t.sessions, s.tsih)
}

// advance moves the window after a command was answered.
func (s *session) advance() {
	s.done++
	if s.shut {
		return
	}
	size := uint32(window)
	if !s.t.plan.find(closedWindow).done {
		size = firstWindow
	}
	if max := s.exp + size - 1 - uint32(min(len(s.tasks), int(size)-1)); pdu.SNLess(s.max, max) {
		s.max = max
	}
}

// ttt is a Target Transfer Tag that nothing else has.
func (s *session) ttt() uint32 {
	s.lastTTT++
	if s.lastTTT == pdu.ReservedTag {
		s.lastTTT = 1
	}
	return s.lastTTT
}
