// Package uring provides what an event loop needs from io_uring: a ring, operations on it, provided receive buffers,
// registered memory and files, and wake-ups. It is the only package that imports giouring.
//
// # A loop
//
//	runtime.LockOSThread()
//	ring, err := uring.New(uring.Config{})
//	for {
//		err := ring.SubmitAndWait(timeout)       // or Submit, when there is other work
//		for {
//			c, ok := ring.Peek()
//			if !ok {
//				break
//			}
//			ring.Seen()
//			if ring.Woken(c) {
//				continue                 // check the mailboxes after this turn
//			}
//			... c.UserData, c.Res, c.Flags; may submit more
//		}
//	}
//
// # Threads
//
// The thread that calls New is the ring's thread (SINGLE_ISSUER): it must be locked, and every method belongs to it,
// except Notify, which any goroutine may call.
//
// # Memory
//
// The kernel owns the memory of an operation from the call to its completion (the last one, without CQE.More). It must
// lie outside the Go heap: Map, Arena, BufRing. Message headers and iovecs may be reused as soon as a Submit or
// SubmitAndWait has returned nil, but the data they point to only after the completion; that of a SendMsgZC only after its
// notification.
//
// # Completions
//
// The call of an operation never fails; its completion carries a negated errno (CQE.Err). If the submission queue is
// full, the call submits first.
package uring
