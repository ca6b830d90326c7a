package control

import "time"

const (
	// MaxConnections bounds the connections of a Latency: each is some kilobytes.
	MaxConnections = 1000
	// answerTime bounds the daemon's part of an answer: a loop that does not respond for so long is stuck, and the answer
	// reports that.
	answerTime = 2 * time.Second
	// requestTime bounds a client's request, so that a hanging client holds no resources.
	requestTime = 10 * time.Second
	// maxAnswer bounds what a client reads: 16384 connections on each of 256 loops, 400 bytes each, would fit.
	maxAnswer = 2 << 30
	// maxHeader is far more than our own client sends.
	maxHeader = 8 << 10
	// maxClients bounds the connections of the socket: a goroutine and two buffers of 4 KiB each. maxClientsOfOne bounds those of one
	// client, so that it cannot shut out another.
	maxClients      = 256
	maxClientsOfOne = 64
)
