package fullfeature

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/ringtgt/ringtgt/internal/conform"
	"github.com/ringtgt/ringtgt/pdu"
)

// luns has the cases of the LUN field and of sense data (RFC 7143, 11.2.1.7, 11.4.7).
func luns() (cases []conform.Case) {
	const rule = "The LUN field is formatted by SAM; a command for a logical unit that does not exist ends with LOGICAL UNIT NOT SUPPORTED."
	for i, c := range []struct {
		title string
		lun   uint64
	}{
		{"LUN 254, peripheral device addressing", 0x00fe << 48},
		{"LUN 254, flat space addressing", absentLUN},
		{"LUN 16383, flat space addressing", 0x7fff << 48},
		{"logical unit addressing", 0x80fe << 48},
		{"an extended LUN of 24 bits", 0xd2fffffe << 32},
		{"the LUN not specified", 0xff << 56},
		{"a second level that is no device", 0x0101_0102_0103_0104},
	} {
		cases = append(cases, conform.Case{
			ID: "rfc7143/11.2.1.7/0" + conform.Letters(i), Title: "TEST UNIT READY for " + c.title, Needs: conform.Unit, Rule: rule,
			Also: []string{"rfc7143/11.4.7/1", "rfc7143/11.4.7/2"},
			Run: func(t *conform.T) {
				l := open(t)
				l.needs(t.Target.LUN != c.lun, "it is the unit's own LUN")
				l.sense(l.at(c.lun, testUnitReady, 0), "LOGICAL UNIT NOT SUPPORTED", 5, 0x2500)
				l.good(l.run(testUnitReady, 0))
			},
		})
	}
	n := len(cases)
	return append(cases, []conform.Case{{
		ID: "rfc7143/11.2.1.7/0" + conform.Letters(n), Title: "INQUIRY of a logical unit that does not exist", Needs: conform.Unit,
		Rule: "INQUIRY is answered for any LUN; the first byte says that none exists: 7Fh, or peripheral qualifier 1 (SPC-4, 6.4.2).",
		Run: func(t *conform.T) {
			l := open(t)
			r := l.at(absentLUN, inquiry(36), 36)
			l.good(r)
			l.t.Want(len(r.Data) > 0 && (r.Data[0] == 0x7f || r.Data[0]>>5 == 1), "7Fh in the first byte, or peripheral qualifier 1", "% x", r.Data)
		},
	}, {
		ID: "rfc7143/11.2.1.7/0" + conform.Letters(n+1), Title: "READ of a logical unit that does not exist", Needs: conform.Unit, Rule: rule,
		Run: func(t *conform.T) {
			l := open(t)
			l.sense(l.at(absentLUN, rw10(false, 0, 1), l.unit().Block), "LOGICAL UNIT NOT SUPPORTED", 5, 0x2500)
		},
	}, {
		ID: "rfc7143/11.2.1.7/0" + conform.Letters(n+2), Title: "the LUNs that REPORT LUNS lists", Needs: conform.Unit,
		Rule: "Each LUN of the list can be used as it stands there.",
		Run: func(t *conform.T) {
			l := open(t)
			r := l.run(reportLUNs(1024), 1024)
			l.good(r)
			l.t.Want(len(r.Data) >= 16, "a list with at least one LUN", "%d bytes", len(r.Data))
			for list := r.Data[8:]; len(list) >= 8; list = list[8:] {
				r := l.at(binary.BigEndian.Uint64(list), inquiry(36), 36)
				l.good(r)
				l.t.Want(len(r.Data) > 0 && r.Data[0]>>5 == 0, fmt.Sprintf("a peripheral device at LUN %x", list[:8]), "% x", r.Data[:1])
			}
		},
	}, {
		ID: "rfc7143/11.2.1.7/0" + conform.Letters(n+3), Title: "REPORT LUNS to LUN 0", Needs: conform.Unit,
		Rule: "REPORT LUNS to LUN 0 is answered, whether a unit is there or not (SPC-4, 6.33).",
		Run: func(t *conform.T) {
			l := open(t)
			r := l.at(0, reportLUNs(512), 512)
			l.good(r)
			n := binary.BigEndian.Uint32(r.Data)
			l.t.Want(n >= 8 && n%8 == 0, "a LUN LIST LENGTH of whole LUNs", "%d", n)
		},
	}, {
		ID: "rfc7143/4.4.2/3", Title: "the port name in the Device Identification page", Needs: conform.Unit,
		Rule: "A SCSI port name in parameter data is the iSCSI name, a comma, i or t, a comma, and a hexadecimal constant.",
		Run: func(t *conform.T) {
			l := open(t)
			r := l.run([]byte{0x12, 1, 0x83, 0x04, 0, 0}, 1024)
			l.needs(r.Status == 0 && len(r.Data) >= 4, "the unit has no Device Identification page")
			for list := r.Data[4:]; len(list) >= 4 && len(list) >= 4+int(list[3]); list = list[4+int(list[3]):] {
				if list[1]&0x3f != 0x18 { // a SCSI name string of the target port (SPC-4, 7.8.6)
					continue
				}
				name := strings.TrimRight(string(list[4:4+int(list[3])]), "\x00")
				tag, ok := strings.CutPrefix(name, t.Target.Name+",t,")
				_, err := pdu.ParseNumber(tag, 0, 65535)
				t.Want(ok && err == nil && len(tag) == len("0x0001"), t.Target.Name+",t,0x and four digits", "%q", name)
				return
			}
			t.Skip("the page has no name of the target port")
		},
	}, {
		ID: "rfc7143/11.4.7/2", Title: "sense data beside CHECK CONDITION", Needs: conform.Unit, Also: []string{"rfc7143/4.6.1.2/1", "rfc7144/5.2.2/1", "rfc7144/5.2.2/2", "rfc7143/11.4.7/1"},
		Rule: "If the status is CHECK CONDITION, the data segment contains sense data.",
		Run: func(t *conform.T) {
			l := open(t)
			r := l.run(unassigned, 0)
			l.sense(r, "INVALID COMMAND OPERATION CODE", 5, 0x2000)
		},
	}, {
		ID: "rfc7143/11.4.7.1/0", Title: "SenseLength", Needs: conform.Unit,
		Rule: "SenseLength is the length of the sense data, which follows it.",
		Run: func(t *conform.T) {
			l := open(t)
			p := l.run(unassigned, 0).response(l)
			l.t.Want(len(p.Data) >= 2, "a SenseLength", "%d bytes", len(p.Data))
			n := int(binary.BigEndian.Uint16(p.Data))
			l.t.Want(n >= 8 && n <= len(p.Data)-2, "sense data of at least 8 bytes, within the data segment", "SenseLength %d of %d bytes", n, len(p.Data))
		},
	}, {
		ID: "rfc7143/4.2.5.3/1b", Title: "the tag of responses", Needs: conform.Unit,
		Rule: "The Initiator Task Tag names a task as long as it lives, whatever its value.",
		Run: func(t *conform.T) {
			l := open(t)
			for _, itt := range []uint32{0, 0x80000000, 0xfffffffe} {
				h := l.scsi(inquiry(36), 36, 0)
				h.BHS().SetITT(itt)
				l.Send(h.BHS(), nil)
				l.good(l.finish(h, nil))
			}
		},
	}, {
		ID: "rfc7143/11.2.1.8/0", Title: "a tag is free again after the response", Needs: conform.Unit,
		Rule: "A tag identifies a task while it exists, so it can be used again after its response.",
		Run: func(t *conform.T) {
			l := open(t)
			for range 8 {
				h := l.scsi(inquiry(36), 36, 0)
				h.BHS().SetITT(77)
				l.Send(h.BHS(), nil)
				l.good(l.finish(h, nil))
			}
		},
	}, {
		ID: "rfc7143/11.3.1/0", Title: "task attributes", Needs: conform.Unit,
		Rule: "Untagged, Simple, Ordered and Head of queue are task attributes of a command.",
		Run: func(t *conform.T) {
			l := open(t)
			for attr := pdu.TaskAttrUntagged; attr <= pdu.TaskAttrHeadOfQueue; attr++ {
				h := l.scsi(inquiry(36), 36, 0)
				h.SetAttr(attr)
				l.Send(h.BHS(), nil)
				l.good(l.finish(h, nil))
			}
		},
	}, {
		ID: "rfc7143/11.3.4/0", Title: "R and W without data", Needs: conform.Unit, Also: []string{"rfc7143/11.3.1/2"},
		Rule: "R or W may be 1 when nothing is transferred.",
		Run: func(t *conform.T) {
			l := open(t)
			for _, write := range []bool{false, true} {
				h := l.scsi(testUnitReady, 0, 0)
				h.SetRead(!write)
				h.SetWrite(write)
				l.Send(h.BHS(), nil)
				l.good(l.finish(h, nil))
			}
		},
	}, {
		ID: "rfc7143/4.2.2.1/0c", Title: "an immediate SCSI command", Needs: conform.Unit,
		Rule: "Commands for immediate delivery may be delivered as soon as detected; they may be rejected for lack of resources.",
		Run: func(t *conform.T) {
			l := open(t)
			gap := l.gap()
			h := l.scsi(inquiry(36), 36, 0)
			h.SetImmediate(true)
			l.Session.CmdSN--
			l.Send(h.BHS(), nil)
			l.good(l.finish(h, nil))
			l.all("the echo of the ping that fills the gap", l.fill(gap))
		},
	}}...)
}

// at carries out a command for another LUN.
func (l *link) at(lun uint64, cdb []byte, in int) *result {
	h := l.scsi(cdb, in, 0)
	h.SetLUN(lun)
	l.Send(h.BHS(), nil)
	return l.finish(h, nil)
}
