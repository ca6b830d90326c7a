package pdu

import (
	"encoding/binary"

	"github.com/ringtgt/ringtgt/internal/crc32c"
)

// DigestLen is the length of a header or data digest in bytes (RFC 7143,
// 11.2.3, 13.1).
const DigestLen = 4

// Digest continues the CRC32C crc over b; a digest begins with crc 0. A header
// digest covers the basic and the additional header segments, a data digest
// the data segment with its padding (RFC 7143, 11.2.3, 13.1).
func Digest(crc uint32, b []byte) uint32 { return crc32c.Update(crc, b) }

// CopyDigest copies src to dst, which is as long, and continues the CRC32C crc
// over it, in one pass. Meanwhile it loads next into the processor's cache: name
// there what the next call will copy, or nil.
func CopyDigest(crc uint32, dst, src, next []byte) uint32 {
	return crc32c.Copy(crc, dst, src, next)
}

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
