package main

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/ringtgt/ringtgt/bench/initiator"
	"github.com/ringtgt/ringtgt/bench/initiator/proto"
	"github.com/ringtgt/ringtgt/tools/kerneltest/power"
)

// send executes a command and repeats it after each unit attention (SAM-5 5.14), which reports what another nexus did.
func send(ctx context.Context, s *initiator.Session, lun int, cdb []byte, in, out []byte) (initiator.Result, error) {
	for range 8 {
		c := &initiator.Command{LUN: initiator.LUN(lun), CDB: cdb, In: in, Out: out}
		if err := s.Exec(ctx, c); err != nil {
			return c.Result, err
		}
		err := c.Result.Good()
		var status *initiator.StatusError
		if errors.As(err, &status) && len(status.Sense) > 2 && status.Sense[2]&0x0F == 0x06 {
			continue
		}
		if err != nil {
			err = fmt.Errorf("LUN %d, CDB % x: %w", lun, cdb, err)
		}
		return c.Result, err
	}
	return initiator.Result{}, fmt.Errorf("LUN %d, CDB % x: nothing but unit attentions", lun, cdb)
}

// sanitizeFailed reports whether the unit asks for a new SANITIZE (SBC-3 4.11).
func sanitizeFailed(err error) bool {
	var status *initiator.StatusError
	if !errors.As(err, &status) {
		return false
	}
	key, asc, ascq, ok := proto.SenseCode(status.Sense)
	return ok && key == 0x03 && asc == 0x31 && ascq == 0x03
}

// cdb16 is a CDB of 16 bytes with the LBA in bytes 2 to 9 and the count in bytes 10 to 13 (SBC-3 5.39 and others).
func cdb16(op, flags byte, lba, blocks int) []byte {
	c := make([]byte, 16)
	c[0], c[1] = op, flags
	binary.BigEndian.PutUint64(c[2:], uint64(lba))
	binary.BigEndian.PutUint32(c[10:], uint32(blocks))
	return c
}

// naa reads the unit's NAA designator (SPC-4 7.8.6).
func naa(ctx context.Context, s *initiator.Session, lun int) (string, error) {
	page := make([]byte, 1024)
	r, err := send(ctx, s, lun, []byte{0x12, 1, 0x83, 4, 0, 0}, page, nil)
	if err != nil {
		return "", err
	}
	page = page[:min(len(page), int(r.Transferred))]
	for at := 4; at+4 <= len(page) && at+4+int(page[at+3]) <= len(page); at += 4 + int(page[at+3]) {
		if page[at+1]&0x3F == 0x03 {
			return hex.EncodeToString(page[at+4 : at+4+int(page[at+3])]), nil
		}
	}
	return "", fmt.Errorf("LUN %d has no NAA designator", lun)
}

// caching reads the Caching mode page (SBC-3 6.4.5) behind its header of four bytes.
func caching(ctx context.Context, s *initiator.Session, lun int) ([]byte, error) {
	page := make([]byte, 64)
	r, err := send(ctx, s, lun, []byte{0x1A, 0x08, 0x08, 0, byte(len(page)), 0}, page, nil)
	if err == nil && (r.Transferred < 7 || page[4]&0x3F != 0x08) {
		err = fmt.Errorf("LUN %d has the mode page % x", lun, page)
	}
	return page[:min(len(page), int(r.Transferred))], err
}

const wceBit = 0x04 // of the page's byte 2

// modeSelect sends a MODE SELECT(6) with SP that sets WCE in the page that caching returned.
func modeSelect(page []byte, on bool) (cdb, list []byte) {
	list = append([]byte{}, page...)
	clear(list[:4])
	list[4] &= 0x3F // PS
	list[6] &^= wceBit
	if on {
		list[6] |= wceBit
	}
	return []byte{0x15, 0x11, 0, 0, byte(len(list)), 0}, list
}

// reservations reads keys and reservation (SPC-4 6.15.2, 6.15.3).
func reservations(ctx context.Context, s *initiator.Session, lun int) (string, error) {
	keys := make([]byte, 256)
	if _, err := send(ctx, s, lun, []byte{0x5E, 0, 0, 0, 0, 0, 0, 1, 0, 0}, keys, nil); err != nil {
		return "", err
	}
	held := make([]byte, 64)
	if _, err := send(ctx, s, lun, []byte{0x5E, 1, 0, 0, 0, 0, 0, 0, 64, 0}, held, nil); err != nil {
		return "", err
	}
	var all []uint64
	for at := 8; at < 8+int(binary.BigEndian.Uint32(keys[4:])) && at+8 <= len(keys); at += 8 {
		all = append(all, binary.BigEndian.Uint64(keys[at:]))
	}
	if binary.BigEndian.Uint32(held[4:]) == 0 {
		return power.Reservations(all, 0, 0), nil
	}
	return power.Reservations(all, held[21]&0x0F, binary.BigEndian.Uint64(held[8:])), nil
}

// prOut sends a PERSISTENT RESERVE OUT (SPC-4 6.16) with APTPL.
func prOut(action, typ byte, key, serviceKey uint64) (cdb, list []byte) {
	list = make([]byte, 24)
	binary.BigEndian.PutUint64(list[0:], key)
	binary.BigEndian.PutUint64(list[8:], serviceKey)
	if action == prRegister {
		list[20] = 0x01 // APTPL
	}
	return []byte{0x5F, action, typ, 0, 0, 0, 0, 0, byte(len(list)), 0}, list
}

const (
	prRegister = 0
	prReserve  = 1
	prRelease  = 2
	prClear    = 3
	prPreempt  = 4

	writeExclusiveRegistrants    = 5
	writeExclusiveAllRegistrants = 7
)

// copyBlocks returns the parameter list of an EXTENDED COPY(LID1) (SPC-4 6.4.3) with one segment descriptor 02h.
func copyBlocks(fromNAA, toNAA string, from, to, blocks int) ([]byte, error) {
	const header, cscd, segment = 16, 32, 28
	list := make([]byte, header+2*cscd+segment)
	list[1] = 3 << 3 // LIST ID USAGE: none
	binary.BigEndian.PutUint16(list[2:], 2*cscd)
	binary.BigEndian.PutUint32(list[8:], segment)
	for i, name := range []string{fromNAA, toNAA} {
		id, err := hex.DecodeString(name)
		if err != nil || len(id) != 16 {
			return nil, fmt.Errorf("NAA designator %q: %v", name, err)
		}
		d := list[header+i*cscd:]
		d[0], d[4], d[5], d[7] = 0xE4, 0x01, 0x03, byte(len(id))
		copy(d[8:], id)
		binary.BigEndian.PutUint32(d[28:], power.BlockSize)
	}
	s := list[header+2*cscd:]
	s[0], s[3] = 0x02, segment-4
	binary.BigEndian.PutUint16(s[6:], 1) // from CSCD 0 to CSCD 1
	binary.BigEndian.PutUint16(s[10:], uint16(blocks))
	binary.BigEndian.PutUint64(s[12:], uint64(from))
	binary.BigEndian.PutUint64(s[20:], uint64(to))
	return list, nil
}
