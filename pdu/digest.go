package pdu

import (
	"encoding/binary"
	"hash/crc32"
)

// DigestLen is the length of a header or data digest in bytes (RFC 7143,
// 11.2.3, 13.1).
const DigestLen = 4

// castagnoli is the table of the polynomial that CRC32C names (RFC 7143,
// 13.1). hash/crc32 recognises this very table and uses the CPU's instruction.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Digest continues the CRC32C crc over b; a digest begins with crc 0. A header
// digest covers the basic and the additional header segments, a data digest
// the data segment with its padding (RFC 7143, 11.2.3, 13.1).
func Digest(crc uint32, b []byte) uint32 { return crc32.Update(crc, castagnoli, b) }

// PutDigest stores crc in the first four bytes of b as it is sent. RFC 7143,
// 13.1, sends the coefficient of x^31 first and sees the first bit of a byte
// as its least significant one: that is little endian.
func PutDigest(b []byte, crc uint32) { binary.LittleEndian.PutUint32(b, crc) }

// GetDigest returns the CRC in the first four bytes of b.
func GetDigest(b []byte) uint32 { return binary.LittleEndian.Uint32(b) }

// AppendDigest appends crc to dst as it is sent.
func AppendDigest(dst []byte, crc uint32) []byte {
	return binary.LittleEndian.AppendUint32(dst, crc)
}

// Pad returns how many padding bytes, 0 to 3, follow n bytes of a segment:
// PDUs and their segments are padded to a multiple of four bytes (RFC 7143,
// 11.1).
func Pad(n int) int { return -n & 3 }
