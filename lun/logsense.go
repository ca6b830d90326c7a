package lun

import "encoding/binary"

var logCommands = []command{
	{op: 0x4D, sa: noSA, name: "LOG SENSE", class: accessAllowed, plan: planIn16(7), run: logSense,
		usage: [16]byte{0: 0x4D, 1: 0x01, 2: 0xFF, 3: 0xFF, 5: 0xFF, 6: 0xFF, 7: 0xFF, 8: 0xFF, 9: 0x04}},
}

const (
	logSupported  = 0x00 // Supported Log Pages
	logExceptions = 0x2F // Informational Exceptions: "smartctl -H" reads it
	logSubpages   = 0xFF // subpage code of the lists that show subpages
)

// logPages are the log pages, ascending by page and subpage. There is no temperature page, because no temperature is known, and
// no Logical Block Provisioning page, because that would require thresholds (SBC-3 6.4.4).
var logPages = []struct {
	page, subpage byte
	data          func(page byte) []byte
}{
	{logSupported, 0x00, supportedLogPages},
	{logSupported, logSubpages, supportedLogSubpages},
	{logExceptions, 0x00, informationalExceptions},
	{logExceptions, logSubpages, supportedLogSubpages},
}

// logSense: SPC-4 6.8.
func logSense(t *Task) {
	page, subpage := t.CDB[2]&0x3F, t.CDB[3]
	if t.CDB[1]&0x01 != 0 { // SP: log parameters cannot be saved (SPC-4 6.8)
		t.checkField(1, 0)
		return
	}
	for i := range logPages {
		p := &logPages[i]
		if p.page != page || p.subpage != subpage {
			continue
		}
		// 6.8: a PARAMETER POINTER beyond the largest parameter code is an invalid field. The largest is 0.
		if cdb16(&t.CDB, 5) != 0 {
			t.checkField(5, 7)
			return
		}
		header := []byte{page, subpage, 0, 0}
		if subpage != 0 {
			header[0] |= 0x40 // SPF
		}
		body := p.data(page)
		binary.BigEndian.PutUint16(header[2:], uint16(len(body)))
		t.reply(append(header, body...), int(cdb16(&t.CDB, 7)))
		return
	}
	for i := range logPages {
		if logPages[i].page == page { // the page exists, its subpage does not
			t.checkField(3, 7)
			return
		}
	}
	t.checkField(2, 5)
}

// supportedLogPages: SPC-4 7.3.18.
func supportedLogPages(byte) (list []byte) {
	return []byte{logSupported, logExceptions}
}

// supportedLogSubpages: SPC-4 7.3.19 for page 00h, which lists all, and 7.3.20 for another, which lists its own.
func supportedLogSubpages(page byte) []byte {
	all := []byte{logSupported, 0, logSupported, logSubpages, logExceptions, 0, logExceptions, logSubpages}
	if page == logSupported {
		return all
	}
	return all[4:]
}

// informationalExceptions: SPC-4 7.3.8. Nothing is wrong, and the temperature is unknown (FFh, as in 7.3.21.2).
func informationalExceptions(byte) []byte {
	// PARAMETER CODE 0000h; FORMAT AND LINKING 11b (binary list); PARAMETER LENGTH 4; ASC, ASCQ, temperature, vendor
	return []byte{0, 0, 0x03, 4, 0, 0, 0xFF, 0}
}
