//go:build !amd64 && !arm64

package uring

// Pause is for the body of a loop that waits awake. Here it does nothing.
func Pause() {}
