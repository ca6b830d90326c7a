package power

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// never is the event number for something that never becomes certain.
const never = math.MaxInt

// span gives the life of a value of a block or a unit, in event numbers: when its command was issued and acknowledged, and
// when it became certain.
type span[T any] struct {
	value                  T
	issued, acked, certain int
}

// allowed returns the values that may be found after a cut at an event: the last one that was certain, and all issued after
// it. history is in the order of issue.
func allowed[T any](history []span[T], event int) (values []T) {
	floor := 0
	for i, s := range history {
		if s.certain <= event {
			floor = i
		}
	}
	for _, s := range history[floor:] {
		if s.issued <= event {
			values = append(values, s.value)
		}
	}
	return values
}

// Oracle knows the promises of a run and the events that made them.
type Oracle struct {
	blocks       [LUNs][Blocks][]span[Value]
	reservations [LUNs][]span[string]
	wce          [LUNs][]span[bool]
	naa          [LUNs][]span[string] // the first is ""
	wipes        [LUNs][][2]int       // for each SANITIZE, the events of its command and of its end
	ready        [LUNs]int            // the event at which the unit first exists
}

// NewOracle reads the events of a run.
func NewOracle(events []Event) (*Oracle, error) {
	o := &Oracle{}
	for lun := range LUNs {
		for lba := range Blocks {
			o.blocks[lun][lba] = []span[Value]{{}}
		}
		o.reservations[lun] = []span[string]{{value: Reservations(nil, 0, 0)}}
		o.wce[lun] = []span[bool]{{value: true}}
		o.naa[lun] = []span[string]{{}}
		o.ready[lun] = never
	}
	acked := map[int]Event{} // by command
	for _, e := range events {
		if e.Op == OpAck {
			if _, ok := acked[e.Cmd]; ok {
				return nil, fmt.Errorf("event %d acknowledges command %d again", e.N, e.Cmd)
			}
			acked[e.Cmd] = e
		}
	}
	for _, e := range events {
		if !within(e.LUN, e.LBA, e.Blocks) || !within(e.From, e.FromLBA, e.Blocks) {
			return nil, fmt.Errorf("event %d is beyond the units: %+v", e.N, e)
		}
		done := never
		ack, ok := acked[e.Cmd]
		if ok {
			done = ack.N
		}
		switch e.Op {
		case OpWrite:
			certain := never
			if ack.Durable {
				certain = done
			}
			if strings.HasPrefix(e.Kind, "SANITIZE") {
				o.wipes[e.LUN] = append(o.wipes[e.LUN], [2]int{e.N, done})
			}
			for i := range e.Blocks {
				v, err := o.value(e, i)
				if err != nil {
					return nil, err
				}
				o.blocks[e.LUN][e.LBA+i] = append(o.blocks[e.LUN][e.LBA+i], span[Value]{v, e.N, done, certain})
			}
		case OpSync:
			if ok {
				o.sync(e, done)
			}
		case OpReserve:
			o.reservations[e.LUN] = append(o.reservations[e.LUN], span[string]{e.Reservations, e.N, done, done})
		case OpMode:
			o.wce[e.LUN] = append(o.wce[e.LUN], span[bool]{e.WCE, e.N, done, done})
		case OpIdentity:
			o.naa[e.LUN] = append(o.naa[e.LUN], span[string]{e.NAA, e.N, e.N, e.N})
			o.ready[e.LUN] = min(o.ready[e.LUN], e.N)
		}
	}
	return o, nil
}

// value returns the value that a write gives to its block i. The source of a copy must be certain before the copy is sent.
func (o *Oracle) value(e Event, i int) (Value, error) {
	switch e.Fill {
	case FillStamps:
		return Value{e.Cmd, i}, nil
	case FillSame:
		return Value{e.Cmd, 0}, nil
	case FillZero:
		return Value{}, nil
	case FillCopy:
		source := allowed(o.blocks[e.From][e.FromLBA+i], e.N)
		if len(source) != 1 {
			return Value{}, fmt.Errorf("event %d copies a block that may hold any of %v", e.N, source)
		}
		return source[0], nil
	}
	return Value{}, fmt.Errorf("event %d has fill %q", e.N, e.Fill)
}

func within(lun, lba, blocks int) bool {
	return lun >= 0 && lun < LUNs && lba >= 0 && blocks >= 0 && blocks <= Blocks && lba <= Blocks-blocks
}

// sync makes values certain at event done: those of e's blocks (all, if it names none) that were acknowledged before e.
func (o *Oracle) sync(e Event, done int) {
	first, behind := e.LBA, e.LBA+e.Blocks
	if e.Blocks == 0 {
		first, behind = 0, Blocks
	}
	for lba := first; lba < behind; lba++ {
		history := o.blocks[e.LUN][lba]
		for i := range history {
			if history[i].acked < e.N {
				history[i].certain = min(history[i].certain, done)
			}
		}
	}
}

// Block judges a block found after a cut at an event. It returns the fault, or "".
func (o *Oracle) Block(lun, lba, event int, block []byte) string {
	may := allowed(o.blocks[lun][lba], event)
	v, ok := ValueOf(block)
	switch {
	case !ok:
		return fmt.Sprintf("LUN %d block %d holds a mixture that begins %x; it may hold %v", lun, lba, block[:32], may)
	case !slices.Contains(may, v):
		return fmt.Sprintf("LUN %d block %d holds %v; it may hold %v", lun, lba, v, may)
	}
	return ""
}

// Unit judges a unit's blocks. It returns the fault, or "". A unit that no initiator has seen yet may be missing: nil.
func (o *Oracle) Unit(lun, event int, blocks []byte) string {
	switch {
	case blocks == nil && event < o.ready[lun]:
		return ""
	case len(blocks) != Blocks*BlockSize:
		return fmt.Sprintf("LUN %d has %d bytes, not %d", lun, len(blocks), Blocks*BlockSize)
	}
	var wrong []string
	for lba := range Blocks {
		if s := o.Block(lun, lba, event, blocks[lba*BlockSize:(lba+1)*BlockSize]); s != "" {
			wrong = append(wrong, s)
		}
	}
	if len(wrong) > 3 {
		wrong = append(wrong[:3], fmt.Sprintf("and %d more blocks", len(wrong)-3))
	}
	return strings.Join(wrong, "; ")
}

// Failed judges a unit that asks for a new SANITIZE (SBC-3 4.11: SANITIZE COMMAND FAILED). It may if the power failed during
// one.
func (o *Oracle) Failed(lun, event int) string {
	for _, w := range o.wipes[lun] {
		if w[0] <= event && event < w[1] {
			return ""
		}
	}
	return fmt.Sprintf("LUN %d says that a SANITIZE failed, and none was under way", lun)
}

// Reserved judges a unit's reservations.
func (o *Oracle) Reserved(lun, event int, found string) string {
	return among("reservations", lun, allowed(o.reservations[lun], event), found)
}

// Identity judges a unit's NAA designator. Before an initiator has seen it, it may be any.
func (o *Oracle) Identity(lun, event int, found string) string {
	may := allowed(o.naa[lun], event)
	if may[0] == "" {
		return ""
	}
	return among("identity", lun, may, found)
}

// Promised returns the NAA designator that an initiator saw before an event, or "".
func (o *Oracle) Promised(lun, event int) string { return allowed(o.naa[lun], event)[0] }

// WriteCache judges a unit's WCE.
func (o *Oracle) WriteCache(lun, event int, found bool) string {
	return among("WCE", lun, allowed(o.wce[lun], event), found)
}

func among[T comparable](what string, lun int, may []T, found T) string {
	if slices.Contains(may, found) {
		return ""
	}
	return fmt.Sprintf("LUN %d has %s %v; it may have %v", lun, what, found, may)
}
