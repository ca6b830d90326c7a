package fullfeature

import (
	"fmt"

	"github.com/ringtgt/ringtgt/internal/conform"
)

// residual has the cases of residuals (RFC 7143, 11.4.5). SPDTL is what the device server presents, EDTL what the initiator expects.
func residual() (cases []conform.Case) {
	for i, c := range []struct {
		title string
		// command returns a CDB with its SPDTL and EDTL.
		command     func(l *link) (cdb []byte, presented, expected int)
		over, under bool
	}{
		{"READ(10) of 2 blocks, EDTL 2 blocks", readOf(2, 2, 0), false, false},
		{"READ(10) of 1 block, EDTL 2 blocks", readOf(1, 2, 0), false, true},
		{"READ(10) of 2 blocks, EDTL 1 block", readOf(2, 1, 0), true, false},
		{"READ(10) of 8 blocks, EDTL 1 byte more", readOf(8, 8, 1), false, true},
		{"READ(10) of 8 blocks, EDTL 1 byte less", readOf(8, 8, -1), true, false},
		{"READ(10) of no block, EDTL 4 blocks", readOf(0, 4, 0), false, true},
		{"READ CAPACITY(10), EDTL 100", fixed(readCapacity10, 8, 100), false, true},
		{"READ CAPACITY(10), EDTL 4", fixed(readCapacity10, 8, 4), true, false},
		{"TEST UNIT READY, EDTL 512", fixed(testUnitReady, 0, 512), false, true},
		{"INQUIRY with allocation length 36, EDTL 5", fixed(inquiry(36), 36, 5), true, false},
		{"INQUIRY with allocation length 5, EDTL 36", fixed(inquiry(5), 5, 36), false, true},
		{"INQUIRY with allocation length 36, EDTL 36", fixed(inquiry(36), 36, 36), false, false},
	} {
		rule := map[bool]string{true: "rfc7143/11.4.5.2/2", false: "rfc7143/11.4.5.2/4"}[c.over]
		cases = append(cases, conform.Case{
			ID: rule + conform.Letters(i), Title: c.title, Needs: conform.Unit, Also: []string{"rfc7143/11.4.5.2/1", "rfc7143/11.4.5.2/3", "rfc7143/11.4.5.1/1"},
			Rule: "If the device server presents more data than expected, the O bit is set, if less, the U bit; the residual count is the difference.",
			Run: func(t *conform.T) {
				l := open(t)
				cdb, presented, expected := c.command(l)
				r := l.run(cdb, expected)
				if c.over && r.Status == 2 {
					t.Skip("the target does not carry out a command that has more data than expected: %v", r)
				}
				l.good(r)
				l.residual(r, presented, expected)
				l.equal("bytes of Data-In", uint32(len(r.Data)), uint32(min(presented, expected)))
			},
		})
	}
	return append(cases, []conform.Case{{
		ID: "rfc7143/11.4.5.3/1", Title: "REPORT LUNS cut by its allocation length", Needs: conform.Unit,
		Rule: "If the inventory was cut by the allocation length, and EDTL is not less than that, the O bit is not set.",
		Run: func(t *conform.T) {
			l := open(t)
			r := l.run(reportLUNs(16), 16)
			l.good(r)
			if over, _, _ := r.residual(); over {
				t.Fail("no residual overflow", "the O bit is set")
			}
		},
	}, {
		ID: "rfc7143/11.4.5.3/2", Title: "REPORT LUNS with an EDTL above its allocation length", Needs: conform.Unit,
		Rule: "If EDTL is larger than the allocation length, underflow is signaled.",
		Run: func(t *conform.T) {
			l := open(t)
			r := l.run(reportLUNs(16), 64)
			l.good(r)
			l.residual(r, 16, 64)
		},
	}, {
		ID: "rfc7143/11.4.5.3/3", Title: "REPORT LUNS with room for more than there is", Needs: conform.Unit,
		Rule: "If the inventory is shorter than the allocation length, and EDTL equals that, underflow is signaled.",
		Run: func(t *conform.T) {
			l := open(t)
			const room = 8 + 8*300 // more logical units than 256 that the simple addressing has
			r := l.run(reportLUNs(room), room)
			l.good(r)
			if len(r.Data) < room {
				l.residual(r, len(r.Data), room)
			}
		},
	}, {
		ID: "rfc7143/11.4.5.1/3", Title: "the Residual Count without residual", Needs: conform.Unit, Level: conform.Should,
		Rule: "If neither the U nor the O bit is set, the Residual Count is sent as 0.",
		Run: func(t *conform.T) {
			l := open(t)
			for _, r := range []*result{l.run(testUnitReady, 0), l.run(inquiry(36), 36), l.run(readCapacity10, 8)} {
				l.good(r)
				if over, under, count := r.residual(); !over && !under {
					l.equal("Residual Count", count, 0)
				}
			}
		},
	}, {
		ID: "rfc7143/11.4.1/0", Title: "O and U exclude each other", Needs: conform.Unit,
		Rule: "O and U are mutually exclusive, and so are o and u.",
		Run: func(t *conform.T) {
			l := open(t)
			for _, expected := range []int{0, 1, 36, 255, 512} {
				r := l.run(inquiry(36), expected)
				if over, under, _ := r.residual(); over && under {
					t.Fail("O or U", "both are set with EDTL %d", expected)
				}
				if r.End.Flags()&0x18 == 0x18 {
					t.Fail("o or u", "both are set with EDTL %d", expected)
				}
			}
		},
	}, {
		ID: "rfc7143/11.4.5.2/3z", Title: "a residual beside CHECK CONDITION", Needs: conform.Unit, Level: conform.Should,
		Rule: "A command that ends in error and presents no data has the whole EDTL as residual underflow.",
		Run: func(t *conform.T) {
			l := open(t)
			r := l.run(unassigned, 512)
			l.sense(r, "INVALID COMMAND OPERATION CODE", 5, 0x2000)
			l.residual(r, 0, 512)
		},
	}, {
		ID: "rfc7143/11.4.5.2/3y", Title: "data for a command that takes none", Needs: conform.Unit,
		Rule: "Underflow is possible in either direction: data that the command does not take is residual.",
		Run: func(t *conform.T) {
			l := open(t, "ImmediateData", "Yes")
			l.needs(l.yes("ImmediateData"), "the target takes no immediate data")
			h := l.scsi(testUnitReady, 0, 512)
			l.Send(h.BHS(), l.pattern(512))
			r := l.finish(h, l.pattern(512))
			l.needs(r.Status != 2, "the target does not carry out such a command")
			l.good(r)
			l.residual(r, 0, 512)
		},
	}, writeResidual("rfc7143/11.4.5.2/4y", "WRITE(10) of 1 block, EDTL 2 blocks", 1, 2),
		writeResidual("rfc7143/11.4.5.2/2y", "WRITE(10) of 2 blocks, EDTL 1 block", 2, 1),
		writeResidual("rfc7143/11.4.5.2/4z", "WRITE(10) of no block, EDTL 1 block", 0, 1),
	}...)
}

// readOf is a READ(10) of some blocks with an EDTL of others and a few bytes.
func readOf(blocks, expected, more int) func(l *link) ([]byte, int, int) {
	return func(l *link) ([]byte, int, int) {
		b := l.unit().Block
		return rw10(false, 0, blocks), blocks * b, expected*b + more
	}
}

// fixed is a command that presents the same on every target.
func fixed(cdb []byte, presented, expected int) func(*link) ([]byte, int, int) {
	return func(*link) ([]byte, int, int) { return cdb, presented, expected }
}

// writeResidual is the case of a WRITE(10) whose CDB and EDTL differ. The answer may also be an error, if the target insists.
func writeResidual(id, title string, blocks, expected int) conform.Case {
	return conform.Case{
		ID: id, Title: title, Needs: conform.Unit | conform.Writes, Also: []string{"rfc7143/11.4.5.1/1"},
		Rule: "If the device server takes less data than expected, the U bit is set, if it wants more, the O bit; the count is the difference.",
		Run: func(t *conform.T) {
			l := open(t)
			b := l.unit().Block
			data := l.pattern(expected * b)
			h := l.scsi(rw10(true, 0, blocks), 0, expected*b)
			l.Send(h.BHS(), nil)
			r := l.finish(h, data)
			over, under, count := r.residual()
			if r.Status != 0 && !over && !under {
				return
			}
			if r.Status == 0 || count != 0 && fmt.Sprint(over) == fmt.Sprint(blocks > expected) {
				l.residual(r, blocks*b, expected*b)
			}
		},
	}
}
