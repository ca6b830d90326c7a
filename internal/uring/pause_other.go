//go:build !amd64 && !arm64

package uring

// Pause is for the body of a polling loop. On this architecture it does nothing.
func Pause() {}
