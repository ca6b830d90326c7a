package state

import "time"

const (
	// lockPoll is the interval between tries for a lock that another process holds.
	lockPoll = 20 * time.Millisecond
	// databaseWait bounds the wait for the database's own lock. While we hold the directory's lock, only a killed process that
	// the kernel has not torn down yet can hold it.
	databaseWait = 5 * time.Second
	// peekTries is how often Peek tries to read a database that is being written. A save takes less time than a read.
	peekTries = 10
	// maxDatabase bounds what Peek reads. 25,000 units with all reservations that they can have need less.
	maxDatabase = 4 << 30
	// maxPID bounds the bytes read from the lock file.
	maxPID = 32
)
