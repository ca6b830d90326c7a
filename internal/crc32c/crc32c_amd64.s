#include "textflag.h"

// Folding (Gopal et al., Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction, Intel 2009): a block of 16 bytes
// is replaced by one that is congruent to it modulo the polynomial, some distance further on. A pair of constants has, for the
// distance of n bits, x^(n+63) and x^(n-1) modulo the polynomial, reflected: a carry-less product of reflected factors lacks one x.

// x^2048, for a fold over 256 bytes.
DATA fold256<>+0(SB)/8, $0xe9a5d8be00000000
DATA fold256<>+8(SB)/8, $0x1426a81500000000
GLOBL fold256<>(SB), (NOPTR+RODATA), $16

// x^512, for a fold over 64 bytes.
DATA fold64<>+0(SB)/8, $0x1c19243b00000000
DATA fold64<>+8(SB)/8, $0x75bba45b00000000
GLOBL fold64<>(SB), (NOPTR+RODATA), $16

// x^384, x^256, x^128 and 0: the four lanes of a register into the last.
DATA lanes<>+0(SB)/8, $0xa46ef4aa00000000
DATA lanes<>+8(SB)/8, $0x6051243f00000000
DATA lanes<>+16(SB)/8, $0x33ccbbbc00000000
DATA lanes<>+24(SB)/8, $0xa2158b3400000000
DATA lanes<>+32(SB)/8, $0x3743f7bd00000000
DATA lanes<>+40(SB)/8, $0x3171d43000000000
DATA lanes<>+48(SB)/8, $0x0000000000000000
DATA lanes<>+56(SB)/8, $0x0000000000000000
GLOBL lanes<>(SB), (NOPTR+RODATA), $64

// REDUCE leaves in AX the CRC of the 256 bytes in Z0 to Z3: it folds them into 16 bytes, which have the same checksum.
#define REDUCE \
	VBROADCASTI32X4 fold64<>(SB), Z10; \
	VPCLMULQDQ $0x11, Z10, Z0, Z4; \
	VPCLMULQDQ $0x00, Z10, Z0, Z0; \
	VPTERNLOGQ $0x96, Z0, Z4, Z1; \
	VPCLMULQDQ $0x11, Z10, Z1, Z4; \
	VPCLMULQDQ $0x00, Z10, Z1, Z1; \
	VPTERNLOGQ $0x96, Z1, Z4, Z2; \
	VPCLMULQDQ $0x11, Z10, Z2, Z4; \
	VPCLMULQDQ $0x00, Z10, Z2, Z2; \
	VPTERNLOGQ $0x96, Z2, Z4, Z3; \
	VMOVDQU64 lanes<>(SB), Z10; \
	VPCLMULQDQ $0x11, Z10, Z3, Z4; \
	VPCLMULQDQ $0x00, Z10, Z3, Z5; \
	VEXTRACTI32X4 $3, Z3, X3; \
	VPTERNLOGQ $0x96, Z3, Z4, Z5; \
	VEXTRACTI64X4 $1, Z5, Y4; \
	VPXOR Y4, Y5, Y5; \
	VEXTRACTI128 $1, Y5, X4; \
	VPXOR X4, X5, X5; \
	VMOVQ X5, R8; \
	VPEXTRQ $1, X5, R9; \
	VZEROUPPER; \
	XORL AX, AX; \
	CRC32Q R8, AX; \
	CRC32Q R9, AX

// func sumWide(crc uint32, p *byte, n int) uint32
TEXT ·sumWide(SB), NOSPLIT, $0-28
	MOVL crc+0(FP), AX
	MOVQ p+8(FP), SI
	MOVQ n+16(FP), CX
	VMOVDQU64 (SI), Z0
	VMOVDQU64 64(SI), Z1
	VMOVDQU64 128(SI), Z2
	VMOVDQU64 192(SI), Z3
	VMOVD AX, X4
	VPXORQ Z4, Z0, Z0
	VBROADCASTI32X4 fold256<>(SB), Z10
	JMP  next

loop:
	VPCLMULQDQ $0x11, Z10, Z0, Z4
	VPCLMULQDQ $0x00, Z10, Z0, Z0
	VPTERNLOGQ $0x96, (SI), Z4, Z0
	VPCLMULQDQ $0x11, Z10, Z1, Z5
	VPCLMULQDQ $0x00, Z10, Z1, Z1
	VPTERNLOGQ $0x96, 64(SI), Z5, Z1
	VPCLMULQDQ $0x11, Z10, Z2, Z6
	VPCLMULQDQ $0x00, Z10, Z2, Z2
	VPTERNLOGQ $0x96, 128(SI), Z6, Z2
	VPCLMULQDQ $0x11, Z10, Z3, Z7
	VPCLMULQDQ $0x00, Z10, Z3, Z3
	VPTERNLOGQ $0x96, 192(SI), Z7, Z3

next:
	ADDQ $256, SI
	SUBQ $256, CX
	JNZ  loop

	REDUCE
	MOVL AX, ret+24(FP)
	RET

// func copyWide(crc uint32, dst, src, next *byte, n int) uint32
TEXT ·copyWide(SB), NOSPLIT, $0-44
	MOVL crc+0(FP), AX
	MOVQ dst+8(FP), DI
	MOVQ src+16(FP), SI
	MOVQ next+24(FP), DX
	MOVQ n+32(FP), CX
	VMOVDQU64 (SI), Z0
	VMOVDQU64 64(SI), Z1
	VMOVDQU64 128(SI), Z2
	VMOVDQU64 192(SI), Z3
	PREFETCHT0 (DX)
	PREFETCHT0 64(DX)
	PREFETCHT0 128(DX)
	PREFETCHT0 192(DX)
	VMOVDQU64 Z0, (DI)
	VMOVDQU64 Z1, 64(DI)
	VMOVDQU64 Z2, 128(DI)
	VMOVDQU64 Z3, 192(DI)
	VMOVD AX, X4
	VPXORQ Z4, Z0, Z0
	VBROADCASTI32X4 fold256<>(SB), Z10
	JMP  next

loop:
	PREFETCHT0 (DX)
	VMOVDQU64 (SI), Z5
	VMOVDQU64 Z5, (DI)
	VPCLMULQDQ $0x11, Z10, Z0, Z4
	VPCLMULQDQ $0x00, Z10, Z0, Z0
	VPTERNLOGQ $0x96, Z5, Z4, Z0
	PREFETCHT0 64(DX)
	VMOVDQU64 64(SI), Z6
	VMOVDQU64 Z6, 64(DI)
	VPCLMULQDQ $0x11, Z10, Z1, Z4
	VPCLMULQDQ $0x00, Z10, Z1, Z1
	VPTERNLOGQ $0x96, Z6, Z4, Z1
	PREFETCHT0 128(DX)
	VMOVDQU64 128(SI), Z7
	VMOVDQU64 Z7, 128(DI)
	VPCLMULQDQ $0x11, Z10, Z2, Z4
	VPCLMULQDQ $0x00, Z10, Z2, Z2
	VPTERNLOGQ $0x96, Z7, Z4, Z2
	PREFETCHT0 192(DX)
	VMOVDQU64 192(SI), Z8
	VMOVDQU64 Z8, 192(DI)
	VPCLMULQDQ $0x11, Z10, Z3, Z4
	VPCLMULQDQ $0x00, Z10, Z3, Z3
	VPTERNLOGQ $0x96, Z8, Z4, Z3

next:
	ADDQ $256, DX
	ADDQ $256, DI
	ADDQ $256, SI
	SUBQ $256, CX
	JNZ  loop

	REDUCE
	MOVL AX, ret+40(FP)
	RET

// func sumShort(crc uint32, p *byte, n int) uint32
TEXT ·sumShort(SB), NOSPLIT, $0-28
	MOVL crc+0(FP), AX
	MOVQ p+8(FP), SI
	MOVQ n+16(FP), CX
	SUBQ $8, CX
	JB   rest

loop:
	CRC32Q (SI), AX
	ADDQ $8, SI
	SUBQ $8, CX
	JAE  loop

rest:
	BTQ  $2, CX
	JNC  two
	CRC32L (SI), AX
	ADDQ $4, SI

two:
	BTQ  $1, CX
	JNC  one
	CRC32W (SI), AX
	ADDQ $2, SI

one:
	BTQ  $0, CX
	JNC  done
	CRC32B (SI), AX

done:
	MOVL AX, ret+24(FP)
	RET

// func prefetch(p *byte, n int)
TEXT ·prefetch(SB), NOSPLIT, $0-16
	MOVQ p+0(FP), SI
	MOVQ n+8(FP), CX

loop:
	PREFETCHT0 (SI)
	ADDQ $64, SI
	SUBQ $64, CX
	JA   loop
	RET
