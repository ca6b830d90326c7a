package session

// Times are the moments at which a command passed the protocol's steps, in ns of the loop's clock as the host passed it in; 0
// for a step not reached yet. The host computes latencies from them (docs/latency.md).
type Times struct {
	Header   int64 // its header was seen
	Complete int64 // its own PDU was complete: it is offered to the command window
	Turn     int64 // its turn in CmdSN order came; missing data is requested from then on
	Ready    int64 // all its data was there, and no barrier held it back
	Barred   int64 // how many ns of Ready-Turn a barrier held it back although its data was complete
}

// ready records that the command may be handed to the host, or could be if no barrier held it back. again is set if that was
// recorded before.
func (t *Times) ready(now int64, again bool) {
	if again {
		t.Barred += max(now-t.Ready, 0)
	}
	t.Ready = now
}
