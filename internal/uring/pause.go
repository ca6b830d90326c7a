//go:build amd64 || arm64

package uring

// Pause is for the body of a polling loop: it leaves the core to its other hardware thread for some cycles.
func Pause()
