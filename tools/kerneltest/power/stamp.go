package power

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// Value is a block's content: block Index of the data of command Cmd. The zero Value is a block of zeroes.
type Value struct{ Cmd, Index int }

var stampMagic = [8]byte{'r', 'i', 'n', 'g', 'p', 'o', 'w', 'r'}

// Put fills a block with the value. Every 32 bytes carry the value's identity, so that a mixture is detected.
func (v Value) Put(block []byte) {
	clear(block)
	if v == (Value{}) {
		return
	}
	for at := 0; at < len(block); at += 32 {
		copy(block[at:], stampMagic[:])
		binary.LittleEndian.PutUint64(block[at+8:], uint64(v.Cmd))
		binary.LittleEndian.PutUint64(block[at+16:], uint64(v.Index))
		binary.LittleEndian.PutUint64(block[at+24:], uint64(at))
	}
}

// ValueOf decodes a block. ok is false when the block is no value.
func ValueOf(block []byte) (v Value, ok bool) {
	if [8]byte(block) == stampMagic {
		v = Value{int(binary.LittleEndian.Uint64(block[8:])), int(binary.LittleEndian.Uint64(block[16:]))}
	}
	var want [BlockSize]byte
	v.Put(want[:len(block)])
	return v, bytes.Equal(block, want[:len(block)])
}

func (v Value) String() string {
	if v == (Value{}) {
		return "zeroes"
	}
	return fmt.Sprintf("block %d of command %d", v.Index, v.Cmd)
}
