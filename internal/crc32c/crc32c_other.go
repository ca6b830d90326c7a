//go:build !amd64

package crc32c

func accelerated(int) bool { return false }

func update(uint32, []byte) uint32 { panic("crc32c: not accelerated") }

func copyUpdate(_ uint32, _, _, _ []byte) uint32 { panic("crc32c: not accelerated") }

// Prefetch starts to load p into the cache, where there is an instruction for it.
func Prefetch([]byte) {}
