package main

import "time"

// Every bound, with its reason.
const (
	// The whole table has to be through in three minutes: defaultRounds rounds of defaultRuntime for what a row is about, and
	// tailRounds of defaultRuntime more for its tail.
	defaultRounds  = 5
	tailRounds     = 3
	defaultRuntime = 600 * time.Millisecond
	// ramp is left out of each run: the first answers find cold caches, and a thread that has just been made.
	ramp = 150 * time.Millisecond

	// clientPoll keeps the client, which has a CPU to itself, awake in the row beside fio, which has no client to wake: what a virtual
	// machine takes for that is no target's.
	clientPoll = time.Millisecond
	// diskPoll is longer than the disk takes, as far as disks are known here.
	diskPoll = 500 * time.Microsecond

	// memoryLUN is beyond the processor's caches, and is filled in a moment.
	memoryLUN = 256 << 20
	// fileLUN is laid out on a real disk, with data that no disk can compress or leave out.
	fileLUN   = 512 << 20
	fileBlock = 4 << 20

	// equalLoad is the share of the slower side's closed-loop IOPS at which tails are compared: both keep it, and queues are
	// those of a busy target and not of an overloaded one.
	equalLoad = 0.7

	// idleTime is how long a target is watched with its sessions up and no request. idleZero is what is called 0%: 1 ms in that
	// time, which is a timer that fires now and then, and no loop that turns.
	idleTime = 2 * time.Second
	idleZero = 0.0005

	// fewSessions and manySessions are the table's; sessionDepth is what each of them keeps under way, and smallDepth what is shown
	// beside it.
	fewSessions, manySessions = 10, 1000
	sessionDepth, smallDepth  = 32, 4
	// spareFiles is what this process and the target have open besides connections.
	spareFiles = 256

	maxRounds  = 99
	maxRuntime = time.Minute
)
