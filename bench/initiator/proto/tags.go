package proto

// An Initiator Task Tag says where its task is (RFC 7143, 11.2.1.8: unique in the session): an ordinal of the connection, a
// turn, a slot of the connection's table. The turn tells a second answer from a first one.
const (
	slotBits = 12
	turnBits = 12
	turnMask = 1<<turnBits - 1

	// Ordinals are how many connections of a session, one after another, get tags of their own before they come round: 255, so
	// that no tag is pdu.ReservedTag.
	Ordinals = 255
)

// ending says how the last task of a slot went.
type ending uint8

const (
	endedNever    ending = iota
	endedAnswered        // a second answer is a violation
	endedLocally         // aborted or terminated: an answer that was under way may come
)

type slot struct {
	cmd   *Command
	turn  uint16
	ended ending
}

// tags is a connection's table of tasks. It takes memory for as many as were ever under way at once, up to max.
type tags struct {
	base  uint32 // the ordinal's bits
	max   int
	slots []slot
	free  []uint16
}

func newTags(ordinal, n int) tags {
	return tags{base: uint32(ordinal%Ordinals) << (turnBits + slotBits), max: n}
}

func (t *tags) used() int { return len(t.slots) - len(t.free) }

// full reports whether no tag is free.
func (t *tags) full() bool { return len(t.free) == 0 && len(t.slots) == t.max }

// take gives c a tag. There is a free one.
func (t *tags) take(c *Command) uint32 {
	if len(t.free) == 0 {
		t.slots = append(t.slots, slot{})
		t.free = append(t.free, uint16(len(t.slots)-1))
	}
	i := t.free[len(t.free)-1]
	t.free = t.free[:len(t.free)-1]
	s := &t.slots[i]
	s.cmd = c
	if s.turn = (s.turn + 1) & turnMask; s.turn == 0 {
		s.turn = 1 // 0 is a slot that was never used
	}
	return t.base | uint32(s.turn)<<slotBits | uint32(i)
}

// find returns the command of a tag, or nil and how its slot's last task ended, if the tag was that one's.
func (t *tags) find(itt uint32) (*Command, ending) {
	i := itt & (MaxTasks - 1)
	if itt&^uint32(1<<(turnBits+slotBits)-1) != t.base || int(i) >= len(t.slots) {
		return nil, endedNever
	}
	s := &t.slots[i]
	turn := uint16(itt >> slotBits & turnMask)
	switch {
	case s.turn == 0:
	case turn == s.turn && s.cmd != nil:
		return s.cmd, endedNever
	case turn == s.turn && s.cmd == nil, turn == (s.turn-1)&turnMask && s.turn > 1:
		return nil, max(s.ended, endedAnswered)
	}
	return nil, endedNever
}

// release takes a tag back.
func (t *tags) release(itt uint32, how ending) {
	i := itt & (MaxTasks - 1)
	t.slots[i].cmd, t.slots[i].ended = nil, how
	t.free = append(t.free, uint16(i))
}
