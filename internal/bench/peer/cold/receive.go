package cold

import "fmt"

// receive is what receive of a connection is with the kernel.
//
//	none ──► multi ──► stopping ──► none ──► once, direct ──► none
//
// A connection begins with a multishot receive, which needs no arming. The first long payload stops it: with single ones, the
// payload can be received where it belongs.
type receive int

const (
	recvNone     receive = iota
	recvMulti            // into provided buffers, until it ends
	recvStopping         // a multishot one that is being cancelled
	recvOnce             // into one provided buffer
	recvDirect           // into the disk
)

func (r receive) String() string {
	return [...]string{"none", "multi", "stopping", "once", "direct"}[r]
}

// receives are the states that may follow each.
var receives = [...][]receive{
	recvNone:     {recvMulti, recvOnce, recvDirect},
	recvMulti:    {recvNone, recvStopping},
	recvStopping: {recvNone},
	recvOnce:     {recvNone},
	recvDirect:   {recvNone},
}

// to changes the state.
func (r *receive) to(next receive) {
	for _, s := range receives[*r] {
		if s == next {
			*r = next
			return
		}
	}
	panic(fmt.Sprintf("cold: receive %v after %v", next, *r))
}
