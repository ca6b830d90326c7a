package lun_test

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/luntest"
)

// The initiators of the tests of LUN masking.
const (
	hostA = "iqn.2026-11.io.example:a"
	hostB = "iqn.2026-11.io.example:b"
	hostC = "eui.0123456789abcdef"
)

// as lets an initiator see a unit under a number.
func as(number int, initiators ...string) lun.Export {
	return lun.Export{Initiators: initiators, LUN: number}
}

// maskedRig is a target whose units 0, 1, 2 ... are exported as exports[0], exports[1] ... have it.
type maskedRig struct {
	*rig
	units []*lun.Unit
	disks []*disk
}

func newMaskedRig(tb testing.TB, exports ...[]lun.Export) *maskedRig {
	tb.Helper()
	r := &maskedRig{rig: newRig(tb, withUnit(func(u *lun.UnitConfig) { u.Exports = exports[0] }))}
	r.units, r.disks = []*lun.Unit{r.u}, []*disk{r.d}
	for i := 1; i < len(exports); i++ {
		r.add(i, exports[i])
	}
	return r
}

func (r *maskedRig) add(number int, exports []lun.Export) *lun.Unit {
	r.tb.Helper()
	d := newDisk(r.tb, lun.Geometry{Blocks: 1024, BlockSize: 512})
	u := must.Get(r.tg.AddUnit(number, lun.UnitConfig{Backend: d, ID: fmt.Sprint("unit", number), Exports: exports}))(r.tb)
	r.units, r.disks = append(r.units, u), append(r.disks, d)
	return u
}

// enter makes the nexus of an initiator that logged in as an account. Nothing is pending for it.
func (r *maskedRig) enter(name, account string) *lun.Nexus {
	r.tb.Helper()
	n := r.tg.NewNexus(lun.NexusConfig{InitiatorName: name, Account: account, ISID: [6]byte{0, 0, 0, 0, 9, 9}, TPGT: 1, RelPort: 1})
	r.pending(n)
	return n
}

// to sends a command to a LUN.
func (r *maskedRig) to(n *lun.Nexus, number int, cdb [16]byte, out ...byte) answer {
	r.tb.Helper()
	return r.start(0, n, uint64(number)<<48, lun.AttrSimple, cdb, out).wait()
}

// numbers is what REPORT LUNS to a LUN answers.
func (r *maskedRig) numbers(n *lun.Nexus, at int) (list []int) {
	r.tb.Helper()
	a := r.to(n, at, [16]byte{0: 0xA0, 8: 0xFF, 9: 0xFF})
	r.want(a, good, "SPC-4 6.33: REPORT LUNS is answered on every LUN")
	must.Be(r.tb, len(a.in) >= 8 && int(binary.BigEndian.Uint32(a.in)) == len(a.in)-8, "LUN LIST LENGTH of % x", a.in)
	for at := 8; at < len(a.in); at += 8 {
		list = append(list, int(a.in[at+1]))
	}
	return list
}

// pending takes the unit attentions of all LUNs, as "LUN:ASC ...", in the order in which they are reported.
func (r *maskedRig) pending(n *lun.Nexus) string {
	r.tb.Helper()
	var got []string
	for number := range 16 {
		for range 10 {
			a := r.to(n, number, testUnitReady())
			if a.key != lun.UnitAttention {
				break
			}
			got = append(got, fmt.Sprintf("%d:%04X", number, uint16(a.asc)))
		}
	}
	return strings.Join(got, " ")
}

func (r *maskedRig) wantPending(n *lun.Nexus, want, because string) {
	r.tb.Helper()
	check.Equal(r.tb, r.pending(n), want, "unit attentions, because %s:", because)
}

// place returns which unit a nexus's LUN is, -1 for none.
func (r *maskedRig) place(n *lun.Nexus, number int) int {
	return slices.Index(r.units, n.Lookup(uint64(number)<<48))
}

// Who sees what, and under which number.
func TestExports(t *testing.T) {
	for _, c := range []struct {
		because string
		exports [][]lun.Export // of units 0, 1, 2
		who     string
		account string
		want    map[int]int // number: unit
	}{
		{"no exports: every initiator, the unit's own number", [][]lun.Export{nil, nil}, hostA, "", map[int]int{0: 0, 1: 1}},
		{"one is exported to another initiator", [][]lun.Export{nil, {as(1, hostB)}}, hostA, "", map[int]int{0: 0}},
		{"an initiator has its own numbering", [][]lun.Export{{as(5, hostA)}, {as(0, hostA), as(7, hostB)}}, hostA, "", map[int]int{0: 1, 5: 0}},
		{"the first rule that matches counts", [][]lun.Export{{as(3, hostA), as(4)}}, hostA, "", map[int]int{3: 0}},
		{"and for the others the next one", [][]lun.Export{{as(3, hostA), as(4)}}, hostB, "", map[int]int{4: 0}},
		{"RFC 7143 4.2.7.2: names have no case", [][]lun.Export{{as(3, "IQN.2026-11.io.EXAMPLE:A")}}, "iqn.2026-11.IO.example:a", "", map[int]int{3: 0}},
		{"a trailing * is any suffix", [][]lun.Export{{as(3, hostC, "iqn.2026-11.*")}}, hostA, "", map[int]int{3: 0}},
		{"a * is a * only at the end", [][]lun.Export{{as(3, "iqn.*:a")}}, hostA, "", map[int]int{}},
		{"a name is no prefix", [][]lun.Export{{as(3, "iqn.2026-11.io.example:")}}, hostA, "", map[int]int{}},
		{"an account", [][]lun.Export{{{Accounts: []string{"x", "y"}, LUN: 2}}}, hostA, "y", map[int]int{2: 0}},
		{"RFC 1994: accounts have case", [][]lun.Export{{{Accounts: []string{"Y"}, LUN: 2}}}, hostA, "y", map[int]int{}},
		{"no account is not any account", [][]lun.Export{{{Accounts: []string{"y"}, LUN: 2}}}, hostA, "", map[int]int{}},
		{"both lists have to match", [][]lun.Export{{{Initiators: []string{hostA}, Accounts: []string{"y"}, LUN: 2}}}, hostA, "x", map[int]int{}},
		{"both do", [][]lun.Export{{{Initiators: []string{hostA}, Accounts: []string{"y"}, LUN: 2}}}, hostA, "y", map[int]int{2: 0}},
		{"two for one number: the lower unit", [][]lun.Export{{as(1, hostB)}, {as(3)}, {as(3)}}, hostA, "", map[int]int{3: 1}},
		{"two for one number: a unit without exports too", [][]lun.Export{{as(1)}, nil}, hostA, "", map[int]int{1: 0}},
	} {
		t.Run(c.because, func(t *testing.T) {
			r := newMaskedRig(t, c.exports...)
			n := r.enter(c.who, c.account)
			var want []int
			for number := range lun.MaxLUNs {
				unit, seen := c.want[number]
				if !seen {
					unit = -1
				} else {
					want = append(want, number)
				}
				check.Equal(t, r.place(n, number), unit, "LUN %d is unit", number)
				flat := n.Lookup((0x4000 | uint64(number)) << 48)
				check.That(t, flat == n.Lookup(uint64(number)<<48), "SAM-5 4.7.7.3: LUN %d is another unit in flat space addressing", number)
			}
			check.That(t, slices.Equal(r.numbers(n, 0), want), "REPORT LUNS: %v, want %v", r.numbers(n, 0), want)
			for i, u := range r.units {
				seen := false
				for _, unit := range c.want {
					seen = seen || unit == i
				}
				check.Equal(t, n.Sees(u), seen, "sees unit %d:", i)
			}
			check.Equal(t, n.SeesAll(), len(c.want) == len(r.units), "sees all:")
		})
	}
}

func TestExportsRefuseNumbers(t *testing.T) {
	r := newMaskedRig(t, nil)
	for _, number := range []int{-1, lun.MaxLUNs} {
		check.That(t, r.u.SetExports([]lun.Export{as(number)}) == lun.ErrLUNRange, "LUN %d was taken", number)
		_, err := r.tg.AddUnit(1, lun.UnitConfig{Backend: newDisk(t, lun.Geometry{Blocks: 8, BlockSize: 512}), Exports: []lun.Export{as(number)}})
		check.That(t, err == lun.ErrLUNRange, "LUN %d was taken: %v", number, err)
	}
	r.wantPending(r.a, "", "nothing changed")
}

// A masked unit is as if it did not exist: whatever command its initiator sends there, and to a unit that it sees, is answered as by a
// target that has no such unit, byte for byte.
func TestMaskedUnitDoesNotExist(t *testing.T) {
	with, without := newMaskedRig(t, nil, []lun.Export{as(1, hostB)}), newMaskedRig(t, nil)
	other := with.enter(hostB, "")
	check.Equal(t, with.place(other, 1), 1, "LUN 1 for another initiator is unit")
	n, m := with.enter(hostA, ""), without.enter(hostA, "")
	for op := range 256 {
		for sa := range 32 {
			for _, number := range []int{1, 0} {
				var cdb [16]byte
				cdb[0], cdb[1] = byte(op), byte(sa)
				switch {
				case op == 0x48, op == 0x1B: // SANITIZE and START STOP UNIT take time or change LUN 0 for the commands that follow
					continue
				case op == 0x12 && sa&1 != 0:
					cdb[2] = 0x83
				}
				for at := 6; at < 15; at++ {
					if at == 9 && op>>5 == 2 || at == 11 && op>>5 == 5 {
						continue // CONTROL
					}
					cdb[at] = 1 // an allocation length, whichever its place
				}
				got, want := with.to(n, number, cdb), without.to(m, number, cdb)
				if got.String() != want.String() || string(got.in) != string(want.in) || got.specific != want.specific {
					t.Errorf("command % x to LUN %d: %v % x, want %v % x as without the unit", cdb, number, got, got.in, want, want.in)
				}
			}
		}
	}
	check.Equal(t, len(with.disks[1].log), 0, "requests that reached the masked unit:")
}

// LUN 0 that an initiator does not see: SPC-4 6.33 has REPORT LUNS answered there, 6.6.2 INQUIRY with PERIPHERAL QUALIFIER 011b, 6.39
// REQUEST SENSE with LOGICAL UNIT NOT SUPPORTED as data, and nothing else.
func TestMaskedLUN0(t *testing.T) {
	r := newMaskedRig(t, []lun.Export{as(0, hostB)}, []lun.Export{as(4, hostA)})
	n := r.enter(hostA, "")
	check.That(t, slices.Equal(r.numbers(n, 0), []int{4}), "REPORT LUNS: %v", r.numbers(n, 0))
	a := r.to(n, 0, inquiryCDB(false, 0, 96))
	check.That(t, a.String() == good && a.in[0] == 0x7F, "INQUIRY: %v, peripheral %02x, want 7F", a, a.in[:1])
	r.wantField(r.to(n, 0, inquiryCDB(true, 0x83, 255)), 2, "there are no vital product data")
	a = r.to(n, 0, [16]byte{0: 0x03, 4: 252})
	check.That(t, a.String() == good && a.in[2] == 5 && a.in[12] == 0x25, "REQUEST SENSE: %v % x", a, a.in)
	for _, cdb := range [][16]byte{testUnitReady(), cdb10(0x28, 0, 0, 1), cdb10(0x2A, 0, 0, 1), {0: 0x25}, {0: 0x5E, 8: 255}} {
		r.want(r.to(n, 0, cdb, pattern(512, 1)...), noSuchLUN, "SAM-5 4.7.5")
	}
	r.want(r.to(n, 4, testUnitReady()), good, "its own unit")
}

// What an initiator learns when units and exports change: those whose view changed get REPORTED LUNS DATA HAS CHANGED on the units that
// they see, at once (SPC-4 6.33), and others nothing.
func TestViewChanges(t *testing.T) {
	r := newMaskedRig(t, []lun.Export{as(0, hostA, hostB)}, []lun.Export{as(1, hostA)}, []lun.Export{as(2, hostB)})
	a, b, c := r.enter(hostA, ""), r.enter(hostB, ""), r.enter(hostC, "")
	nobody := func(because string) {
		t.Helper()
		for _, n := range []*lun.Nexus{a, b, c} {
			r.wantPending(n, "", because)
		}
	}
	set := func(unit int, exports ...lun.Export) {
		t.Helper()
		must.OK(t, r.units[unit].SetExports(exports))
	}
	nobody("nothing changed")
	set(1, as(1, "iqn.2026-11.io.example:a*"))
	nobody("the rule is another one, and everybody sees the same")

	set(1, as(1, hostA, hostB))
	r.wantPending(b, "0:3F0E 1:2900 2:3F0E", "it sees a unit that is new to it")
	nobody("for all others nothing is different")

	set(1, as(1, hostB))
	r.wantPending(a, "0:3F0E", "it lost a unit")
	nobody("for all others nothing is different")

	set(1, as(6, hostB))
	r.wantPending(b, "0:3F0E 2:3F0E 6:3F0E", "a unit has another number")
	nobody("once")

	set(1, as(2, hostB))
	set(2, as(6, hostB))
	// While both had number 2, the lower one had it. REPORTED LUNS DATA HAS CHANGED is pending once.
	r.wantPending(b, "0:3F0E 2:3F0E 2:3F03 6:2900", "LUN 2 is another unit than before: SPC-4 5.14, its INQUIRY data has changed")

	r.add(3, []lun.Export{as(3, hostC)})
	r.wantPending(c, "3:2900", "it sees a unit that is new to it, and no other")
	nobody("a new unit that is masked from them")
	r.add(4, nil)
	r.wantPending(a, "0:3F0E 4:2900", "a unit for everybody")
	r.numbers(b, 0)
	r.wantPending(b, "4:2900", "SPC-4 6.33: REPORT LUNS clears it on every unit that it lists")
	r.wantPending(c, "3:3F0E 4:2900", "a unit for everybody")
	r.tg.RemoveUnit(3)
	r.wantPending(c, "4:3F0E", "its unit was removed")
	nobody("a unit was removed that they did not see")

	set(4, as(4, hostA))
	must.OK(t, r.units[4].SetExports(nil))
	r.wantPending(b, "0:3F0E 2:3F0E 4:2900 6:3F0E", "it was masked from it, and is not any more")
	r.wantPending(c, "4:2900", "the same")
	nobody("it was not masked from the other")
}

// Unit attentions belong to the unit, whatever its number is: one that is pending is reported under the number that the unit has then, and
// none is for a nexus that does not see the unit.
func TestAttentionsAreTheUnits(t *testing.T) {
	r := newMaskedRig(t, []lun.Export{as(3, hostA)}, []lun.Export{as(1, hostA, hostB)})
	a, b := r.enter(hostA, ""), r.enter(hostB, "")
	r.u.Reset(nil)
	must.OK(t, r.u.SetExports([]lun.Export{as(5, hostA)}))
	r.wantPending(a, "1:3F0E 5:2903 5:3F0E", "the reset was of the unit")
	r.u.Reset(nil)
	r.disks[0].geom.Blocks /= 2
	r.u.Refresh()
	r.wantPending(b, "", "it does not see the unit")
	must.OK(t, r.u.SetExports(nil))
	r.wantPending(b, "0:2900 1:3F0E", "what happened to the unit before is not its business (SAM-5 6.2)")
	c := r.tg.NewNexus(lun.NexusConfig{InitiatorName: hostC, TPGT: 1, RelPort: 1})
	r.wantPending(c, "0:2900", "a new nexus: on the units that it sees")
}

// An initiator loses sight of a unit. Its commands in the task set end normally. One that was on its way does not reach the unit, and no
// other unit that has the number now.
func TestCommandsAtAMaskedUnit(t *testing.T) {
	r := newMaskedRig(t, []lun.Export{as(0, hostA)}, []lun.Export{as(1, hostA)})
	n := r.enter(hostA, "")
	r.disks[0].hold = func(*lun.Request) bool { return true }
	running := r.start(0, n, 0, lun.AttrSimple, cdb10(0x2A, 0, 7, 1), pattern(512, 1))
	waiting := r.start(0, n, 0, lun.AttrOrdered, cdb10(0x28, 0, 7, 1), nil)
	onItsWay := r.plan(0, n, 0, lun.AttrSimple, cdb10(0x2A, 0, 8, 1), pattern(512, 2))
	inquiry := r.plan(0, n, 0, lun.AttrSimple, inquiryCDB(false, 0, 96), nil)
	r.w.Run()
	must.OK(t, r.u.SetExports([]lun.Export{as(0, hostB)}))
	inquiry.begin()
	a := inquiry.wait()
	check.That(t, a.String() == good && a.in[0] == 0x7F, "INQUIRY: %v, peripheral %02x, want 7F", a, a.in[:1])
	must.OK(t, r.units[1].SetExports([]lun.Export{as(0, hostA)}))
	onItsWay.begin()
	r.want(onItsWay.wait(), noSuchLUN, "its unit is not there any more")
	check.Equal(t, len(r.disks[1].log), 0, "requests that reached the unit that has its number now:")
	r.wantPending(n, "0:3F0E", "the other unit has number 0 now")
	r.disks[0].release()
	r.want(running.wait(), good, "it was in the task set")
	r.want(waiting.wait(), good, "it waited at the gate")
	check.That(t, string(waiting.in) == string(pattern(512, 1)), "the ORDERED read does not see the write before it")
	check.That(t, r.disks[0].data[8*512] == 0, "the command that was on its way was carried out")
}

// Losing sight of a unit is for the unit the loss of the nexus (SAM-5 6.3.4): what the nexus held ends, but for its registration.
func TestMaskedUnitIsReleased(t *testing.T) {
	r := newMaskedRig(t, []lun.Export{as(0, hostA, hostB)})
	a, b := r.enter(hostA, ""), r.enter(hostB, "")
	r.want(r.to(a, 0, [16]byte{0: 0x16}), good, "RESERVE(6)")
	r.want(r.to(b, 0, testUnitReady()), "RESERVATION CONFLICT", "it is reserved")
	must.OK(t, r.u.SetExports([]lun.Export{as(0, hostB)}))
	r.want(r.to(b, 0, testUnitReady()), good, "SPC-2 5.5.2: the nexus that held it is lost")
	r.want(r.to(a, 0, [16]byte{0: 0x16}), noSuchLUN, "it does not see the unit")

	list := make([]byte, 24)
	list[15] = 9 // SERVICE ACTION RESERVATION KEY
	register := [16]byte{0: 0x5F, 8: 24}
	r.want(r.to(b, 0, register, list...), good, "REGISTER")
	must.OK(t, r.u.SetExports([]lun.Export{as(0, hostA)}))
	r.wantPending(a, "0:2900", "it sees the unit again")
	keys := r.to(a, 0, [16]byte{0: 0x5E, 8: 255})
	check.That(t, len(keys.in) == 16 && keys.in[15] == 9, "READ KEYS % x: the registration is persistent (SPC-4 5.13.5)", keys.in)
}

// SPC-4 7.6.4.6: a TransportID without ISID names the initiator ports known to the device server. One that does not see the unit is not.
func TestRegisterForOneThatDoesNotSee(t *testing.T) {
	r := newMaskedRig(t, []lun.Export{as(0, hostA, hostB)}, nil)
	a := r.enter(hostA, "")
	r.enter(hostB, "")
	r.enter(hostC, "")
	register := func(node string) answer {
		id := append([]byte{0x05, 0, 0, byte(len(node)+4) &^ 3}, node...)
		id = append(id, make([]byte, int(id[3])-len(node))...)
		list := make([]byte, 28, 28+len(id))
		list[15], list[20], list[27] = 9, 0x08, byte(len(id)) // key, SPEC_I_PT, TRANSPORTID PARAMETER DATA LENGTH
		list = append(list, id...)
		return r.to(a, 0, [16]byte{0: 0x5F, 8: byte(len(list))}, list...)
	}
	r.want(register(hostC), invalidParam, "it is logged in to the target, but does not see the unit")
	r.want(register(hostB), good, "it sees the unit")
}

// Third-party copies name units by designators: SPC-4 6.4.5.4. A masked unit has none for its initiator, neither as source nor destination,
// and a copy does not go on with a unit that is masked under way.
func TestCopyAndMaskedUnits(t *testing.T) {
	for _, c := range []struct {
		name     string
		src, dst uint16
		want     string
	}{
		{"source", 1, 0, "A/0D02"}, {"destination", 0, 1, "A/0D02"}, {"neither", 0, 0, good},
	} {
		r := newCopyRig(t, luntest.Config{}, nil, nil)
		cscds := [][]byte{r.naa(0), r.naa(1)}
		must.OK(t, r.u1.SetExports([]lun.Export{as(1, hostB)}))
		r.settle(r.a)
		list := copyList(1, 0, cscds, [][]byte{blocksSegment(c.src, c.dst, 8, 0, 16)})
		r.want(r.xcopy(list), c.want, "unit 1 is masked: "+c.name)
	}
	m := newCopyRig(t, luntest.Config{}, nil, nil)
	named := m.naa(1)
	named[30] = 16 // DISK BLOCK LENGTH 4096: of a unit that exists it would be refused as a wrong parameter
	must.OK(t, m.u1.SetExports([]lun.Export{as(1, hostB)}))
	m.settle(m.a)
	m.want(m.xcopy(copyList(1, 0, [][]byte{m.naa(0), named}, [][]byte{blocksSegment(0, 1, 8, 0, 16)})), "A/0D02", "it cannot tell that the unit exists")

	r := newCopyRig(t, luntest.Config{}, []option{withPosted, withBlocks(8192)}, []option{withPosted, withBlocks(8192)})
	list := copyList(1, 0, [][]byte{r.naa(0), r.naa(1)}, [][]byte{blocksSegment(1, 0, 8000, 0, 0)})
	call := r.start(0, r.a, 0, lun.AttrSimple, copyCDB(len(list)), list)
	for r.d1.kinds(lun.OpRead) < 2 {
		r.w.Step()
	}
	must.OK(t, r.u1.SetExports([]lun.Export{as(1, hostB)}))
	r.want(call.wait(), "A/0D02", "the source is not there any more")
}

// RFC 7143 11.5.1: a TARGET WARM RESET is of "all LUs known by the issuing initiator".
func TestWarmResetOfWhatIsSeen(t *testing.T) {
	r := newMaskedRig(t, []lun.Export{as(0, hostA)}, nil, []lun.Export{as(2, hostB)})
	a, b := r.enter(hostA, ""), r.enter(hostB, "")
	r.tg.Reset(lun.ResetWarm, a)
	r.wantPending(a, "0:2902 1:2902", "its units were reset")
	r.wantPending(b, "1:2902", "the unit that both see was reset, and its own was not")
	r.tg.Reset(lun.ResetCold, a)
	r.wantPending(b, "1:2901 2:2901", "a cold reset is a power cycle of the target")
}

// A loss of acknowledged writes on a unit that a port does not see is not owed to it when it comes back, and losses that it was told of are
// not told again because of that unit.
func TestLossOfAMaskedUnit(t *testing.T) {
	r := newMaskedRig(t, nil, []lun.Export{as(1, hostB)})
	for _, d := range r.disks {
		d.geom.Volatile = true
	}
	for _, u := range r.units {
		u.Refresh()
	}
	a := r.enter(hostA, "")
	for _, u := range r.units {
		u.FlushFailed(lun.ErrMedium, r.w.Now())
	}
	r.want(r.to(a, 0, cdb10(0x35, 0, 0, 0)), dataLost, "unit 0 lost writes")
	a.Close()
	a = r.enter(hostA, "")
	r.want(r.to(a, 0, cdb10(0x35, 0, 0, 0)), good, "it was told, and the other unit is not its")
}
