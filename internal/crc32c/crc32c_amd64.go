package crc32c

import "golang.org/x/sys/cpu"

// wideBlock is what the wide functions take at a time. Less is a job for the CRC32 instruction.
const wideBlock = 256

var (
	short = cpu.X86.HasSSE42
	wide  = short && cpu.X86.HasAVX512F && cpu.X86.HasAVX512VPCLMULQDQ
)

// accelerated reports whether update and copyUpdate are the fastest way for n bytes.
func accelerated(n int) bool { return wide || short && n < wideBlock }

func update(crc uint32, p []byte) uint32 {
	crc = ^crc
	if n := len(p) &^ (wideBlock - 1); n > 0 {
		crc = sumWide(crc, &p[0], n)
		p = p[n:]
	}
	if len(p) > 0 {
		crc = sumShort(crc, &p[0], len(p))
	}
	return ^crc
}

func copyUpdate(crc uint32, dst, src, next []byte) uint32 {
	dst = dst[:len(src)]
	crc = ^crc
	if n := len(src) &^ (wideBlock - 1); n > 0 {
		ahead := &src[0] // loaded by the copy anyway
		if len(next) >= n {
			ahead = &next[0]
		}
		crc = copyWide(crc, &dst[0], &src[0], ahead, n)
		dst, src = dst[n:], src[n:]
	}
	if len(src) > 0 {
		copy(dst, src)
		crc = sumShort(crc, &dst[0], len(dst))
	}
	return ^crc
}

// Prefetch starts to load p into the cache, and does not wait for it.
func Prefetch(p []byte) {
	if len(p) > 0 {
		prefetch(&p[0], len(p))
	}
}

// sumWide continues crc, which is inverted, over n bytes, a multiple of wideBlock and not 0.
//
//go:noescape
func sumWide(crc uint32, p *byte, n int) uint32

// copyWide is sumWide over src while it copies src to dst and prefetches next.
//
//go:noescape
func copyWide(crc uint32, dst, src, next *byte, n int) uint32

// sumShort is sumWide for few bytes, of any number.
//
//go:noescape
func sumShort(crc uint32, p *byte, n int) uint32

//go:noescape
func prefetch(p *byte, n int)
