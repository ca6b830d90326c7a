// Package giouring is the io_uring ABI of linux/io_uring.h, as far as package uring uses it.
//
// It keeps the names of github.com/pawelgaczynski/giouring, but is written from the kernel's header; docs/engine.md says
// why it exists and where it differs. It uses neither cgo nor go:linkname and imports nothing outside the standard library.
//
// # Threads
//
// A Ring is not safe for concurrent use. With SetupSingleIssuer the kernel itself enforces that one thread submits:
// call runtime.LockOSThread before QueueInitParams and stay on that thread. Register also belongs to that thread.
//
// # Memory
//
// The kernel uses every address in a submission entry until the completion, and the garbage collector does not know
// about it: buffers, iovecs, message headers and timespecs must lie outside the Go heap (mmap) or be pinned until then.
// Arguments of registration calls are used only during the call.
//
// # Byte order
//
// The package is for little-endian machines: Linux on amd64 and arm64.
package giouring
