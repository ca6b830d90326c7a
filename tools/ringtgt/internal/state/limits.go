package state

import "time"

const (
	// lockPoll is how often a lock that somebody has is tried again.
	lockPoll = 20 * time.Millisecond
	// databaseWait bounds the wait for the database's own lock: with the directory's lock held nobody else has it but a
	// process that was killed and is still being taken apart.
	databaseWait = 5 * time.Second
	// peekTries is how often a database that is being written is read; a save takes less than a read.
	peekTries = 10
	// maxDatabase bounds what Peek reads: 25,000 units with all reservations that they can have are below it.
	maxDatabase = 4 << 30
	// maxPID bounds what is read of the lock file.
	maxPID = 32
)
