package lun_test

import (
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/luntest"
)

// EXTENDED COPY costs what it reads of its source and what it writes to its destination, whichever of them it is sent to. A list that is
// refused, and blocks that are not there, cost a write of no bytes.
func TestCostOfCopies(t *testing.T) {
	r := newCopyRig(t, luntest.Config{}, nil, nil)
	both := [][]byte{r.naa(0), r.naa(1)}
	stranger := r.naa(0)
	stranger[8] ^= 0xFF
	seg := func(s ...[]byte) [][]byte { return s }
	wrong := blocksSegment(0, 1, 8, 0, 0)
	wrong[0] = 0x04
	costs := func(bytes int64) lun.Costs {
		return lun.Costs{{Unit: r.u1, Direction: lun.Writing, Bytes: bytes}, {Unit: r.u, Direction: lun.Reading, Bytes: bytes}}
	}
	refused := lun.Costs{{Unit: r.u, Direction: lun.Writing}}
	for _, tc := range []struct {
		name string
		list []byte
		want lun.Costs
	}{
		{"one segment", copyList(1, 0, both, seg(blocksSegment(0, 1, 8, 0, 16))), costs(8 * 512)},
		{"two", copyList(1, 0, both, seg(blocksSegment(0, 1, 8, 0, 16), blocksSegment(0, 1, 100, 0, 100))), costs(108 * 512)},
		{"of which one is beyond the end", copyList(1, 0, both, seg(blocksSegment(0, 1, 8, 0, 16), blocksSegment(0, 1, 8, 1<<40, 0))), costs(8 * 512)},
		{"of which the first is", copyList(1, 0, both, seg(blocksSegment(0, 1, 8, 1<<40, 0), blocksSegment(0, 1, 8, 0, 0))), refused},
		{"a unit that is not there", copyList(1, 0, [][]byte{r.naa(0), stranger}, seg(blocksSegment(0, 1, 8, 0, 0))), refused},
		{"an index that is not there", copyList(1, 0, both, seg(blocksSegment(0, 9, 8, 0, 0))), refused},
		{"another kind of segment", copyList(1, 0, both, seg(wrong)), refused},
		{"no segment", copyList(1, 0, both, nil), refused},
		{"half a list", copyList(1, 0, both, seg(blocksSegment(0, 1, 8, 0, 16)))[:90], refused},
		{"no list", nil, refused},
	} {
		t.Run(tc.name, func(t *testing.T) {
			task := lun.Task{Nexus: r.a, Out: tc.list}
			task.CDB[0], task.CDB[13] = 0x83, byte(len(tc.list))
			task.Plan(false)
			check.Equal(t, task.Costs(), tc.want, "the costs:")
			check.Equal(t, task.Status, lun.StatusGood, "the command's own status:")
		})
	}
	back := lun.Task{Nexus: r.a, LUN: 1 << 48, Out: copyList(1, 0, both, seg(blocksSegment(1, 0, 8, 0, 16)))}
	back.CDB[0] = 0x83
	back.Plan(false)
	want := lun.Costs{{Unit: r.u, Direction: lun.Writing, Bytes: 4096}, {Unit: r.u1, Direction: lun.Reading, Bytes: 4096}}
	check.Equal(t, back.Costs(), want, "the costs of the way back:")
}
