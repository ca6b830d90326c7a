package initiator

// refused remembers which writes of a connection failed in a run with Verify. ReadBack reads their blocks too, and what it finds
// there is no second error. Writes are known by their number, not by their address: a random workload writes a block more than
// once, and a write that succeeded must be found even if another one of that block was refused.
type refused struct {
	writes map[uint64]struct{}
	round  uint64 // writes after which the addresses repeat, 0: they do not
}

// begin forgets the writes of the last run.
func (f *refused) begin() { f.writes = nil }

func (f *refused) key(write uint64) uint64 {
	if f.round > 0 {
		return write % f.round
	}
	return write
}

// add notes that a write failed. Beyond maxRefused the run has failed anyway, and errors are counted twice.
func (f *refused) add(write uint64) {
	if f.writes == nil {
		f.writes = map[uint64]struct{}{}
	}
	if len(f.writes) < maxRefused {
		f.writes[f.key(write)] = struct{}{}
	}
}

// done notes that a write succeeded: a later round has written what an earlier one could not.
func (f *refused) done(write uint64) {
	if len(f.writes) > 0 {
		delete(f.writes, f.key(write))
	}
}

// has reports whether a write failed, and no later one of the same round did better.
func (f *refused) has(write uint64) bool {
	_, ok := f.writes[f.key(write)]
	return ok
}
