package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/ringtgt/ringtgt/bench/initiator"
)

// witnessTime bounds a command of the witness. On an idle machine none takes a hundredth of it.
const witnessTime = 2 * time.Minute

// witness writes and reads blocks of a target of its own and compares what it reads with what it wrote, until ctx ends.
func witness(ctx context.Context, addr string, seed uint64) error {
	const blocks, blockSize, regions = 8, 512, 512
	// ctx ends the loop but not a command: the last one is awaited.
	within := func(do func(context.Context) error) error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), witnessTime)
		defer cancel()
		return do(ctx)
	}
	var s *initiator.Session
	err := within(func(ctx context.Context) (err error) {
		s, err = initiator.Dial(ctx, initiator.Config{
			Portals: []string{addr}, TargetName: quietTarget, InitiatorName: "iqn.2026-11.test.witness:1", ISID: [6]byte{0x80, 0, 0, 0, 0xff, 1},
		})
		return err
	})
	if err != nil {
		return err
	}
	defer s.Close()
	if err := within(func(ctx context.Context) error { return s.Ready(ctx, 0, 0) }); err != nil {
		return err
	}
	rng := rand.New(rand.NewPCG(seed, 0x7769746e657373))
	written := map[uint64]uint64{} // the stamp of each region
	data := make([]byte, blocks*blockSize)
	for n := 0; ctx.Err() == nil; n++ {
		lba := uint64(rng.IntN(regions)) * blocks
		if tag, ok := written[lba]; ok && rng.IntN(2) == 0 {
			if err := within(func(ctx context.Context) error { return s.Read(ctx, 0, 0, lba, blocks, data) }); err != nil {
				return fmt.Errorf("read %d: %w", n, err)
			}
			if !bytes.Equal(data, stamp(tag, len(data))) {
				return fmt.Errorf("read %d: LBA %d does not hold what was written", n, lba)
			}
			continue
		}
		tag := rng.Uint64()
		if err := within(func(ctx context.Context) error { return s.Write(ctx, 0, 0, lba, blocks, stamp(tag, len(data))) }); err != nil {
			return fmt.Errorf("write %d: %w", n, err)
		}
		written[lba] = tag
	}
	if v := s.Violations(); len(v) > 0 {
		return fmt.Errorf("the target broke the protocol %d times, first: %v", len(v), v[0])
	}
	return nil
}

func stamp(tag uint64, n int) []byte {
	b := make([]byte, n)
	for i := 0; i < n; i += 8 {
		binary.LittleEndian.PutUint64(b[i:], tag+uint64(i))
	}
	return b
}
