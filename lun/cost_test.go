package lun

import (
	"slices"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
)

// Every command that accesses blocks has a cost, or a reason to have none.
func TestCostOfEveryCommand(t *testing.T) {
	free := []string{
		"SYNCHRONIZE CACHE(10)", "SYNCHRONIZE CACHE(16)", // other initiators' data depends on it
		"GET LBA STATUS", "MODE SELECT(6)", "MODE SELECT(10)", "START STOP UNIT", // they move no blocks
		"SANITIZE, OVERWRITE", "SANITIZE, BLOCK ERASE", "SANITIZE, CRYPTOGRAPHIC ERASE", "SANITIZE, EXIT FAILURE MODE", // see SanitizeRate
	}
	u := &Unit{}
	u.geom.Store(&Geometry{BlockSize: 512, Blocks: 1 << 20})
	for _, c := range commands {
		task := Task{unit: u, cmd: c}
		task.CDB[0] = c.op
		costs := task.Costs()
		cost := costs[0]
		check.That(t, costs[1] == Cost{}, "%s costs %v beside", c.name, costs[1])
		switch {
		case slices.Contains(free, c.name):
			check.That(t, cost == Cost{}, "%s costs %v", c.name, cost)
		case c.class == accessWrite && c.flags&(gated|exclusive) != 0, c.op == 0x83 && c.sa == 0:
			check.That(t, cost.Direction == Writing, "%s costs %v", c.name, cost)
		case c.flags&gated != 0:
			check.That(t, cost.Direction == Reading, "%s costs %v", c.name, cost)
		default:
			check.That(t, cost == Cost{}, "%s costs %v", c.name, cost)
		}
	}
}

// Bytes are those of the data; of blocks that a command accesses by itself, those that it accesses.
func TestCostInBytes(t *testing.T) {
	u := &Unit{}
	u.geom.Store(&Geometry{BlockSize: 512, Blocks: 1 << 20})
	ones := make([]byte, 512)
	ones[511] = 1
	for _, tc := range []struct {
		name string
		cdb  []byte
		out  []byte
		want Cost // Unit apart
	}{
		{"READ", []byte{0x28, 0, 0, 0, 0, 0, 0, 0, 8}, nil, Cost{Direction: Reading, Bytes: 4096}},
		{"READ of too much is refused", []byte{0xA8, 0, 0, 0, 0, 0, 1, 0, 0, 0}, nil, Cost{Direction: Reading, Bytes: MaxTransfer}},
		{"WRITE", []byte{0x2A, 0, 0, 0, 0, 0, 0, 0, 8}, nil, Cost{Direction: Writing, Bytes: 4096}},
		{"COMPARE AND WRITE carries two", []byte{0x89, 13: 1}, nil, Cost{Direction: Writing, Bytes: 1024}},
		{"VERIFY without data", []byte{0x2F, 0, 0, 0, 0, 0, 0, 0x10, 0}, nil, Cost{Direction: Reading, Bytes: 0x1000 * 512}},
		{"VERIFY beyond the end is refused", []byte{0x2F, 0, 0, 0x10, 0, 0, 0, 0x10, 0}, nil, Cost{Direction: Reading}},
		{"WRITE SAME", []byte{0x41, 0, 0, 0, 0, 0, 0, 0x10, 0}, ones, Cost{Direction: Writing, Bytes: 0x1000 * 512}},
		{"WRITE SAME of zeroes", []byte{0x41, 0, 0, 0, 0, 0, 0, 0x10, 0}, make([]byte, 512), Cost{Direction: Writing, Bytes: 0x1000 * 512}},
		{"WRITE SAME that deallocates", []byte{0x41, wsUnmap, 0, 0, 0, 0, 0, 0x10, 0}, make([]byte, 512), Cost{Direction: Writing, Bytes: 512}},
		{"WRITE SAME that may not", []byte{0x41, wsUnmap, 0, 0, 0, 0, 0, 0x10, 0}, ones, Cost{Direction: Writing, Bytes: 0x1000 * 512}},
		{"WRITE SAME without data", []byte{0x93, wsNDOB, 13: 8}, nil, Cost{Direction: Writing, Bytes: 8 * 512}},
		{"WRITE SAME without data that deallocates", []byte{0x93, wsNDOB | wsUnmap, 13: 8}, nil, Cost{Direction: Writing}},
		{"EXTENDED COPY of nothing", []byte{0x83, 13: 100}, make([]byte, 100), Cost{Direction: Writing}},
		{"UNMAP", []byte{0x42, 8: 24}, make([]byte, 24), Cost{Direction: Writing}},
		{"TEST UNIT READY", []byte{0}, nil, Cost{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			task := Task{unit: u, Out: tc.out}
			copy(task.CDB[:], tc.cdb)
			task.cmd, _ = find(&task.CDB)
			if task.cmd.plan != nil {
				task.RequiredOut, task.RequiredIn = task.cmd.plan(u, &task.CDB)
			}
			cost := task.Costs()[0]
			check.That(t, cost.Unit == u || cost == Cost{}, "it counts toward another unit")
			cost.Unit = nil
			check.Equal(t, cost, tc.want, "the cost")
		})
	}
	check.Equal(t, (&Task{}).Costs(), Costs{}, "the cost of a command to no unit")
}
