package lun

import "encoding/binary"

// Fields of a CDB, by width and offset.

func cdb16(c *[16]byte, at int) uint16 { return binary.BigEndian.Uint16(c[at : at+2]) }
func cdb24(c *[16]byte, at int) uint32 {
	return uint32(c[at])<<16 | uint32(c[at+1])<<8 | uint32(c[at+2])
}
func cdb32(c *[16]byte, at int) uint32 { return binary.BigEndian.Uint32(c[at : at+4]) }
func cdb64(c *[16]byte, at int) uint64 { return binary.BigEndian.Uint64(c[at : at+8]) }

// Plans of commands whose ALLOCATION LENGTH or PARAMETER LIST LENGTH is a field of the CDB.

func planIn8(at int) planFunc {
	return func(_ *Unit, c *[16]byte) (out, in int64) { return 0, int64(c[at]) }
}
func planIn16(at int) planFunc {
	return func(_ *Unit, c *[16]byte) (out, in int64) { return 0, int64(cdb16(c, at)) }
}
func planIn32(at int) planFunc {
	return func(_ *Unit, c *[16]byte) (out, in int64) { return 0, int64(cdb32(c, at)) }
}
func planOut8(at int) planFunc {
	return func(_ *Unit, c *[16]byte) (out, in int64) { return int64(c[at]), 0 }
}
func planOut16(at int) planFunc {
	return func(_ *Unit, c *[16]byte) (out, in int64) { return int64(cdb16(c, at)), 0 }
}
func planOut32(at int) planFunc {
	return func(_ *Unit, c *[16]byte) (out, in int64) { return int64(cdb32(c, at)), 0 }
}
