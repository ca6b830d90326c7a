package run

import (
	"time"

	"github.com/ringtgt/ringtgt/bench/initiator/proto"
)

// Bounds and their reasons.
const (
	// minBlock is the smallest logical block of a disk; maxBlock is more than any MAXIMUM TRANSFER LENGTH here.
	minBlock = 512
	maxBlock = 16 << 20
	// maxDepth is how many tasks a connection's tags can tell apart.
	maxDepth = proto.MaxTasks
	// maxConns is how many connections of one session there can be.
	maxConns = proto.MaxConnections
	// maxSessions is how many the ISID's qualifier can tell apart (RFC 7143 11.12.5), one of them for the probe.
	maxSessions = 0xffff
	// maxAll is how many connections one address of ours can make to one portal, with its usual 28,000 ports.
	maxAll = 28000
	// maxRate is more than a machine's loops can send.
	maxRate = 100_000_000
	// maxPoll is longer than any machine takes to wake a runnable thread.
	maxPoll = 10 * time.Millisecond
	// maxRuntime is a week: a longer one is a typing error.
	maxRuntime = 7 * 24 * time.Hour
	// maxSplit is how many shares a bssplit may have, fio's own bound.
	maxSplit = 64
	// maxLUN is the largest that flat space addressing has (SAM-5 4.7).
	maxLUN = 16383
	// maxName is the longest iSCSI name (RFC 7143 4.2.7.1).
	maxName = 223
	// maxSecret is the longest that initiators and targets take, maxSecretFile room for the line's end.
	maxSecret     = 255
	maxSecretFile = maxSecret + 2
	// maxSteps bounds a sweep: beyond, a picture has no room for them.
	maxSteps = 64

	// probeChunk is what one command reads of a disk that is searched for signatures: nearly all are in the first two.
	probeChunk = 128 << 10

	// maxListed is how many targets or LUNs an error lists.
	maxListed = 16
	// maxAttentions is how many unit attentions a unit may report to a new nexus, one a command (SAM-5 5.14).
	maxAttentions = 16

	// dialTimeout bounds what comes before the load: the probe, and the logins of all sessions.
	dialTimeout = 30 * time.Second
	// logins is how many logins a second a slow target is expected to take: 1,000 sessions get longer than dialTimeout.
	logins = 20

	// The default length of an interval: half a second, the pace of the live line; in a short run, short enough for a curve.
	usualInterval = 500 * time.Millisecond
	fewIntervals  = 20
	minInterval   = 10 * time.Millisecond

	// samplePeriod is the interval between two reads of the target's processor time, each one system call. Both ends of the measured part lie
	// between two looks. maxSamples bounds them: a long run is looked at less often, its ends being less of it.
	samplePeriod = 10 * time.Millisecond
	maxSamples   = 1 << 16

	// settle is the pause after the logins before the target counts as idle.
	settle = 200 * time.Millisecond

	// busyClient is the share of its CPU above which a client thread is taken to be the bottleneck.
	busyClient = 0.90
	// highLoad is the load average per CPU that makes figures doubtful.
	highLoad = 0.25
	// shortRun is a run too short for its figures to repeat.
	shortRun = time.Second
	// keptRate is the share of the rate above which an open loop has kept its schedule. lateTimer is the 99th percentile of the
	// generator's own delay above which a note says so.
	keptRate  = 0.99
	lateTimer = time.Millisecond
)
