package main

import "time"

// Every bound, with its reason.
const (
	// The whole table takes four minutes: defaultRounds rounds of defaultRuntime for a row's own figure, and tailRounds more for its
	// tail.
	defaultRounds  = 5
	tailRounds     = 3
	defaultRuntime = 600 * time.Millisecond
	// ramp is left out of each run: the first answers find cold caches, and a thread that has just been made.
	ramp = 150 * time.Millisecond

	// limitRequired is the share of a bare responder's IOPS per CPU-second that a target with sessions, a command window and a device
	// server keeps.
	limitRequired = 0.95

	// clientPoll keeps the client, which has a CPU of its own, awake in the row beside fio, which has no client to wake: the cost of a
	// wake-up in a virtual machine is not the target's.
	clientPoll = time.Millisecond
	// diskPoll is longer than any disk here takes.
	diskPoll = 500 * time.Microsecond

	// memoryLUN is larger than the processor's caches, and is filled in a moment.
	memoryLUN = 256 << 20
	// fileLUN is laid out on a real disk, with data that no disk can compress or leave out.
	fileLUN   = 512 << 20
	fileBlock = 4 << 20
	// smallLUN is for sessions without a request.
	smallLUN = 16 << 20

	// equalLoad is the share of the slower side's closed-loop IOPS at which tails are compared: both keep it, and the queues are those
	// of a busy target, not of an overloaded one.
	equalLoad = 0.7

	// idleTime is how long a target is watched with its sessions up and no request. idleZero is what counts as 0%: 1 ms in that time,
	// which is a timer that fires now and then, and no loop that turns.
	idleTime = 2 * time.Second
	idleZero = 0.0005

	// fewSessions and manySessions are the requirement's; sessionDepth is the depth of each session, and smallDepth is shown beside it.
	fewSessions, manySessions = 10, 1000
	sessionDepth, smallDepth  = 32, 4
	// spareFiles is what this process and the target have open besides connections.
	spareFiles = 256

	// slower is what a new binary may lose to an old one: the rounds of a quiet machine differ by less.
	slower = 0.03

	// studyConns and studyDepth are the MC/S study's: connections, and requests in flight over all of them.
	studyConns, studyDepth = 4, 32

	// spdkRounds, spdkRuntime and spdkRamp are the comparison with SPDK: a row takes a minute. maxRange is how far apart ringtgt's runs
	// of one row may lie, as a share of their median. spdkMeanRequired is the geometric mean over the rows.
	spdkRounds       = 9
	spdkRuntime      = 3 * time.Second
	spdkRamp         = 300 * time.Millisecond
	maxRange         = 0.15
	spdkMeanRequired = 1.2

	maxRounds  = 999
	maxRuntime = time.Minute
)
