package lun

import "encoding/binary"

var logCommands = []command{
	{op: 0x4D, sa: noSA, name: "LOG SENSE", class: accessAllowed, plan: planIn16(7), run: logSense,
		usage: [16]byte{0: 0x4D, 1: 0x01, 2: 0xFF, 3: 0xFF, 5: 0xFF, 6: 0xFF, 7: 0xFF, 8: 0xFF, 9: 0x04}},
}

const (
	logSupported    = 0x00 // Supported Log Pages
	logProvisioning = 0x0C // Logical Block Provisioning
	logExceptions   = 0x2F // Informational Exceptions: "smartctl -H" reads it
	logSubpages     = 0xFF // subpage code of the lists that show subpages
)

// logPage is a log page: one subpage, with its parameters.
type logPage struct {
	page, subpage byte
	thin          bool // of thin units only
	data          func(u *Unit, page byte) []byte
}

// logPages are the log pages, ascending by page and subpage. They are a function because page 00h is one of them. There is no
// temperature page, because no temperature is known.
func logPages() []logPage {
	return []logPage{
		{logSupported, 0x00, false, supportedLogPages},
		{logSupported, logSubpages, false, supportedLogSubpages},
		{logProvisioning, 0x00, true, thinResources},
		{logProvisioning, logSubpages, true, supportedLogSubpages},
		{logExceptions, 0x00, false, informationalExceptions},
		{logExceptions, logSubpages, false, supportedLogSubpages},
	}
}

// has reports whether u has the page.
func (p *logPage) has(u *Unit) bool { return !p.thin || u.thin() }

// logSense: SPC-4 6.8.
func logSense(t *Task) {
	page, subpage := t.CDB[2]&0x3F, t.CDB[3]
	if t.CDB[1]&0x01 != 0 { // SP: log parameters cannot be saved (SPC-4 6.8)
		t.checkField(1, 0)
		return
	}
	pages := logPages()
	for i := range pages {
		p := &pages[i]
		if p.page != page || p.subpage != subpage || !p.has(t.unit) {
			continue
		}
		// 6.8: a PARAMETER POINTER beyond the largest parameter code is an invalid field. All parameters are returned from 0 on.
		if cdb16(&t.CDB, 5) != 0 {
			t.checkField(5, 7)
			return
		}
		header := []byte{page, subpage, 0, 0}
		if subpage != 0 {
			header[0] |= 0x40 // SPF
		}
		body := p.data(t.unit, page)
		binary.BigEndian.PutUint16(header[2:], uint16(len(body)))
		t.reply(append(header, body...), int(cdb16(&t.CDB, 7)))
		return
	}
	for i := range pages {
		if pages[i].page == page && pages[i].has(t.unit) { // the page exists, its subpage does not
			t.checkField(3, 7)
			return
		}
	}
	t.checkField(2, 5)
}

// supportedLogPages: SPC-4 7.3.18.
func supportedLogPages(u *Unit, _ byte) (list []byte) {
	for _, p := range logPages() {
		if p.subpage == 0 && p.has(u) {
			list = append(list, p.page)
		}
	}
	return list
}

// supportedLogSubpages: SPC-4 7.3.19 for page 00h, which lists all, and 7.3.20 for another, which lists its own.
func supportedLogSubpages(u *Unit, page byte) (list []byte) {
	for _, p := range logPages() {
		if p.has(u) && (page == logSupported || page == p.page) {
			list = append(list, p.page, p.subpage)
		}
	}
	return list
}

// informationalExceptions: SPC-4 7.3.8. Nothing is wrong, and the temperature is unknown (FFh, as in 7.3.21.2).
func informationalExceptions(*Unit, byte) []byte {
	// PARAMETER CODE 0000h; FORMAT AND LINKING 11b (binary list); PARAMETER LENGTH 4; ASC, ASCQ, temperature, vendor
	return []byte{0, 0, 0x03, 4, 0, 0, 0xFF, 0}
}
