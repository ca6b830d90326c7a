package api

import "time"

const (
	// maxBody bounds the body of a request: 256 LUNs with every key fit many times.
	maxBody = 1 << 20
	// maxAnswer bounds what our client reads: 25,000 LUNs with every key are a tenth.
	maxAnswer = 256 << 20
	// maxOps bounds the operations of one change, which are validated one by one.
	maxOps = 1024
	// readTime bounds a question that changes nothing.
	readTime = 10 * time.Second
	// changeTime bounds a change: a LUN in use drains for up to 30 s, sessions are logged out before that, and other changes may
	// be ahead of it.
	changeTime = 2 * time.Minute
	// answerTime bounds how long a client may take to read an answer.
	answerTime = 10 * time.Second
)
