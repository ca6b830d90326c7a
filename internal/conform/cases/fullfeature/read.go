package fullfeature

import (
	"fmt"
	"strconv"

	"github.com/ringtgt/ringtgt/internal/conform"
	"github.com/ringtgt/ringtgt/pdu"
)

// read has the cases of Data-In (RFC 7143, 4.2.2.4, 11.7).
func read() (cases []conform.Case) {
	for i, n := range []int{512, 516, 1000, 4096, 8192, 65536} {
		cases = append(cases, conform.Case{
			ID: "rfc7143/11.7.1/1" + conform.Letters(i), Title: fmt.Sprintf("a READ with MaxRecvDataSegmentLength=%d", n), Needs: conform.Unit,
			Rule: "DataSegmentLength does not exceed the MaxRecvDataSegmentLength of the receiver.", Also: []string{"rfc7143/4.2.2.4/1", "rfc7143/13.12/0"},
			Run: func(t *conform.T) {
				l := open(t, "MaxRecvDataSegmentLength", strconv.Itoa(n))
				r := l.read(0, l.blocks(16<<10))
				l.good(r)
				l.sound(r, l.blocks(16<<10)*l.unit().Block)
				for _, p := range r.In {
					if p.DataLen() > n {
						t.Fail(fmt.Sprintf("data segments of at most %d bytes", n), "one of %d", p.DataLen())
					}
				}
			},
		})
	}
	for i, c := range []struct{ burst, segment int }{{512, 512}, {512, 8192}, {1024, 512}, {1536, 1024}, {4096, 8192}, {5000, 2048}, {65536, 65536}} {
		cases = append(cases, conform.Case{
			ID: "rfc7143/11.7.1/2" + conform.Letters(i), Title: fmt.Sprintf("a READ with MaxBurstLength=%d, MaxRecvDataSegmentLength=%d", c.burst, c.segment),
			Rule:  "The data of a sequence does not exceed MaxBurstLength; its last PDU has the F bit.",
			Needs: conform.Unit, Also: []string{"rfc7143/13.13/0"},
			Run: func(t *conform.T) {
				l := open(t, "MaxBurstLength", strconv.Itoa(c.burst), "FirstBurstLength", "512", "MaxRecvDataSegmentLength", strconv.Itoa(c.segment))
				blocks := l.blocks(32 << 10)
				r := l.read(0, blocks)
				l.good(r)
				l.sound(r, blocks*l.unit().Block)
				burst := 0
				for _, p := range r.In {
					if burst += p.DataLen(); burst > c.burst {
						t.Fail(fmt.Sprintf("sequences of at most %d bytes", c.burst), "one of at least %d", burst)
					}
					if p.Final() {
						burst = 0
					}
				}
			},
		})
	}
	cases = append(cases, readFlags()...)
	return append(cases, readData()...)
}

// readFlags has the cases of single fields of Data-In.
func readFlags() []conform.Case {
	// each reads 16 KiB in PDUs of 512 bytes, and looks at every Data-In.
	each := func(look func(t *conform.T, l *link, h *pdu.SCSICommand, i int, p *conform.PDU)) func(t *conform.T) {
		return func(t *conform.T) {
			l := open(t, "MaxRecvDataSegmentLength", "512", "MaxBurstLength", "4096", "FirstBurstLength", "4096")
			h := l.readCommand(0, l.blocks(16<<10))
			l.Send(h.BHS(), nil)
			r := l.finish(h, nil)
			l.good(r)
			for i, p := range r.In {
				look(t, l, h, i, p)
			}
		}
	}
	return []conform.Case{{
		ID: "rfc7143/4.2.2.4/1a", Title: "DataSN counts the Data-In PDUs of a command", Needs: conform.Unit,
		Rule: "DataSN starts with 0 for the first data PDU of a read and advances by 1 for each.", Also: []string{"rfc7143/11.7.5/0"},
		Run: each(func(t *conform.T, l *link, _ *pdu.SCSICommand, i int, p *conform.PDU) {
			l.equal("DataSN", p.DataIn().DataSN(), uint32(i))
		}),
	}, {
		ID: "rfc7143/11.7.2/2", Title: "the A bit at ErrorRecoveryLevel 0", Needs: conform.Unit,
		Rule: "The target does not set the A bit in sessions with ErrorRecoveryLevel 0.",
		Run: func(t *conform.T) {
			l := open(t, "ErrorRecoveryLevel", "0", "MaxRecvDataSegmentLength", "512", "MaxBurstLength", "1024", "FirstBurstLength", "512")
			for _, p := range l.read(0, l.blocks(16<<10)).In {
				if p.DataIn().Acknowledge() {
					t.Fail("no A bit", "DataSN %d has it", p.DataIn().DataSN())
				}
			}
		},
	}, {
		ID: "rfc7143/11.7.3/4", Title: "the F bit of Data-In with status", Needs: conform.Unit,
		Rule: "If the S bit is set, the F bit is set, too.",
		Run: each(func(t *conform.T, _ *link, _ *pdu.SCSICommand, _ int, p *conform.PDU) {
			if p.DataIn().StatusPresent() && !p.Final() {
				t.Fail("the F bit beside the S bit", "DataSN %d has S alone", p.DataIn().DataSN())
			}
		}),
	}, {
		ID: "rfc7143/11.7.1/0", Title: "the last Data-In of a read", Needs: conform.Unit,
		Rule: "The F bit is 1 for the last PDU of a sequence of input data.",
		Run: func(t *conform.T) {
			l := open(t, "MaxRecvDataSegmentLength", "512")
			in := l.read(0, l.blocks(16<<10)).In
			if !in[len(in)-1].Final() {
				t.Fail("the F bit in the last Data-In", "it is not set")
			}
		},
	}, {
		ID: "rfc7143/11.7.4/2", Title: "Target Transfer Tag and LUN of Data-In", Needs: conform.Unit,
		Rule: "If a Target Transfer Tag is supplied, the LUN is that of the command.",
		Run: each(func(t *conform.T, _ *link, h *pdu.SCSICommand, _ int, p *conform.PDU) {
			if d := p.DataIn(); d.TTT() != pdu.ReservedTag && d.LUN() != h.LUN() {
				t.Fail(fmt.Sprintf("Target Transfer Tag 0xffffffff, or LUN 0x%016x", h.LUN()), "tag 0x%08x, LUN 0x%016x", d.TTT(), d.LUN())
			}
		}),
	}, {
		ID: "rfc7143/11.7.7/2", Title: "Data-In filled to words", Needs: conform.Unit, Level: conform.Should,
		Rule: "Data segments are filled to an integer number of 4-byte words unless the F bit is set.",
		Run: func(t *conform.T) {
			l := open(t, "MaxRecvDataSegmentLength", "515")
			for _, p := range l.read(0, l.blocks(16<<10)).In {
				if !p.Final() && p.DataLen()%4 != 0 {
					t.Fail("data segments of whole words", "DataSN %d has %d bytes", p.DataIn().DataSN(), p.DataLen())
				}
			}
		},
	}, {
		ID: "rfc7143/11.7.3/1", Title: "an error after Data-In, or without", Needs: conform.Unit, Also: []string{"rfc7143/11.7.3/2", "rfc7143/11.4.7/2"},
		Rule: "If a command is completed with an error, response and sense data are in a SCSI Response, not in Data-In.",
		Run: func(t *conform.T) {
			l := open(t)
			u := l.unit()
			h := l.scsi(read16(u.Blocks-1, 2), 2*u.Block, 0)
			l.Send(h.BHS(), nil)
			r := l.finish(h, nil)
			l.sense(r, "LOGICAL BLOCK ADDRESS OUT OF RANGE", 5, 0x2100)
			r.response(l)
		},
	}, {
		ID: "rfc7143/11.4.8/1", Title: "ExpDataSN of a command without Data-In", Needs: conform.Unit,
		Rule: "ExpDataSN is 0 if the target sent no Data-In PDUs for the command.",
		Run: func(t *conform.T) {
			l := open(t)
			for _, r := range []*result{l.run(testUnitReady, 0), l.run(unassigned, 0)} {
				l.equal("ExpDataSN", r.response(l).Response().ExpDataSN(), 0)
			}
		},
	}, {
		ID: "rfc7143/11.4.8/0", Title: "ExpDataSN after Data-In", Needs: conform.Unit,
		Rule: "ExpDataSN of a SCSI Response is the number of Data-In PDUs that the target has sent for the command.",
		Run: func(t *conform.T) {
			l := open(t, "MaxRecvDataSegmentLength", "512")
			for _, n := range []int{1, 4, 16} {
				r := l.read(0, l.blocks(n<<10))
				if r.End.Opcode() == pdu.OpSCSIResponse {
					l.equal("ExpDataSN", r.End.Response().ExpDataSN(), uint32(len(r.In)))
				}
			}
		},
	}}
}

// readData has the cases of what Data-In carries.
func readData() []conform.Case {
	return []conform.Case{{
		ID: "rfc7143/11.7.6/0", Title: "the same blocks in long and in short PDUs", Needs: conform.Unit,
		Rule: "Buffer Offset says where the data of a PDU belongs; with DataPDUInOrder=Yes it increases without gaps or overlaps.",
		Run: func(t *conform.T) {
			a, b := open(t), open(t, "MaxRecvDataSegmentLength", "512", "MaxBurstLength", "1024", "FirstBurstLength", "512")
			n := a.blocks(32 << 10)
			x, y := a.read(0, n), b.read(0, n)
			a.sound(x, n*a.unit().Block)
			b.sound(y, n*b.unit().Block)
			a.same("the data of one READ in two sessions", x.Data, y.Data)
		},
	}, {
		ID: "rfc7143/4.2.2.4/1b", Title: "reads side by side", Needs: conform.Unit,
		Rule: "Data sequencing is for each command.",
		Run: func(t *conform.T) {
			l := open(t, "MaxRecvDataSegmentLength", "512")
			var sent []*pdu.SCSICommand
			for i := range l.window(8) {
				h := l.readCommand(i, l.blocks(4096))
				l.Send(h.BHS(), nil)
				sent = append(sent, h)
			}
			for _, r := range l.finishAll(sent...) {
				l.good(r)
				l.sound(r, l.blocks(4096)*l.unit().Block)
			}
		},
	}, {
		ID: "rfc7143/11.7.7/0", Title: "Data-In whose length is no multiple of 4", Needs: conform.Unit,
		Rule: "A data segment is padded to a whole number of words; DataSegmentLength does not count the padding.",
		Run: func(t *conform.T) {
			l := open(t)
			whole := l.run(inquiry(36), 36)
			for n := 5; n < 9; n++ {
				r := l.run(inquiry(n), n)
				l.good(r)
				l.same("the first bytes of INQUIRY data", r.Data[1:], whole.Data[1:n])
			}
		},
	}, {
		ID: "rfc7143/4.2.5.3/1a", Title: "status once for each command", Needs: conform.Unit,
		Rule: "Each command ends with one status: in the last Data-In or in a SCSI Response.", Also: []string{"rfc7143/11.7/0"},
		Run: func(t *conform.T) {
			l := open(t)
			for range 4 {
				l.good(l.run(inquiry(36), 36))
			}
			l.quiet("no second status")
		},
	}}
}
