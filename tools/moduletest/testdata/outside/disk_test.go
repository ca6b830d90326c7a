package main

import (
	"testing"

	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/backend/conformance"
)

// The suite for backends is a part of what other modules may import.
func TestConformance(t *testing.T) {
	conformance.Suite{
		Open: func(t *testing.T, w conformance.Want) (lun.Backend, string) {
			if w.BlockSize != blockSize || w.Thin || w.ReadOnly {
				return nil, "it has blocks of 512 bytes, all allocated and writable"
			}
			return &disk{data: make([]byte, w.Bytes)}, ""
		},
		Extents: conformance.Nothing,
		Ragged:  true,
	}.Run(t)
}
