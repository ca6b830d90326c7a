package cold

import (
	"encoding/binary"

	"github.com/ringtgt/ringtgt/pdu"
)

// Operation codes (SPC-4, SBC-3).
const (
	inquiry      = 0x12
	read16       = 0x88
	write16      = 0x8a
	readCapacity = 0x9e // SERVICE ACTION IN(16)
)

// place is where the data of a read or a write is on the disk; nil: the command is neither, or the disk has no such blocks.
func (l *loop) place(k *pdu.SCSICommand) []byte {
	cdb := k.CDB()
	if cdb[0] != read16 && cdb[0] != write16 {
		return nil
	}
	n, lba := uint64(k.ExpectedDataTransferLength()), binary.BigEndian.Uint64(cdb[2:10])
	if n > maxData || lba > uint64(len(l.disk))/blockLen {
		return nil
	}
	at := lba * blockLen
	if at+n > uint64(len(l.disk)) {
		return nil
	}
	return l.disk[at : at+n : at+n]
}

// command answers a command whose data has arrived; false ends the connection.
func (c *conn) command(k *pdu.SCSICommand) bool {
	c.cmdSN = k.CmdSN() + 1
	switch {
	case k.Write():
		// All of it came with the command: there is no R2T.
		if k.BHS().DataLen() != int(k.ExpectedDataTransferLength()) {
			return false
		}
		return c.good(k)
	case !k.Read():
		return c.good(k) // TEST UNIT READY
	}
	data := c.loop.place(k)
	if k.CDB()[0] != read16 {
		data = c.loop.describe(k)
	}
	return data != nil && c.dataIn(k, data)
}

// describe is the data that a benchmark looks at first: a disk (INQUIRY, SPC-4 6.6.2), and its size (READ CAPACITY(16), SBC-3
// 5.16.2). To everything else, such as pages of INQUIRY and MODE SENSE, the answer is zeroes.
func (l *loop) describe(k *pdu.SCSICommand) []byte {
	n := k.ExpectedDataTransferLength()
	if n == 0 || n > 4096 || n%4 != 0 {
		return nil
	}
	data := make([]byte, max(n, 36))
	switch cdb := k.CDB(); {
	case cdb[0] == inquiry && cdb[1]&1 == 0:
		data[2], data[3], data[4] = 6, 2, 31
		copy(data[8:], "ringtgt bare responder  0   ")
	case cdb[0] == readCapacity:
		binary.BigEndian.PutUint64(data, uint64(len(l.disk)/blockLen-1))
		binary.BigEndian.PutUint32(data[8:], blockLen)
	}
	return data[:n]
}

// good stages a SCSI Response (RFC 7143, 11.4) with status GOOD.
func (c *conn) good(k *pdu.SCSICommand) bool {
	b := c.stage()
	if b == nil {
		return false
	}
	h := b.header()
	h[0] = byte(pdu.OpSCSIResponse)
	h[1] = 0x80 // reserved bit, 1 (11.4.1)
	h.SetITT(k.ITT())
	c.number(h)
	b.end(c.header)
	return true
}

// dataIn stages a Data-In with status (RFC 7143, 11.7).
func (c *conn) dataIn(k *pdu.SCSICommand, data []byte) bool {
	b := c.stage()
	if b == nil {
		return false
	}
	h := b.header()
	h[0] = byte(pdu.OpDataIn)
	h[1] = 0x81 // final, with status
	h.SetDataLen(len(data))
	h.SetITT(k.ITT())
	(*pdu.DataIn)(h).SetTTT(pdu.ReservedTag)
	c.number(h)
	b.end(c.header)
	b.refer(data)
	if c.data {
		b.digest(pdu.Digest(0, data))
	}
	return true
}

// answer stages a PDU that answers no command.
func (c *conn) answer(a *pdu.BHS, text []byte) bool {
	b := c.stage()
	if b == nil {
		return false
	}
	h := b.header()
	*h = *a
	c.number(h)
	b.end(c.header)
	if len(text) > 0 {
		padded := make([]byte, len(text)+pdu.Pad(len(text)))
		copy(padded, text)
		b.refer(padded) // no collector takes it away: it is off
	}
	return true
}

// number gives an answer the next StatSN.
func (c *conn) number(h *pdu.BHS) {
	h.SetStatSN(c.statSN)
	h.SetExpMaxCmdSN(c.cmdSN, c.cmdSN+window)
	c.statSN++
}
