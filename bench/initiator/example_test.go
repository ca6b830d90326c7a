package initiator_test

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"time"

	"github.com/ringtgt/ringtgt/bench/initiator"
)

// A block is read.
func Example() {
	portal, shutdown := serve()
	defer shutdown()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	s, err := initiator.Dial(ctx, initiator.Config{
		Portals:       []string{portal},
		TargetName:    targetName,
		InitiatorName: "iqn.2026-11.com.example:host-7",
	})
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	lun := initiator.LUN(0)
	if err := s.Ready(ctx, 0, lun); err != nil { // takes the unit attentions of a new nexus
		log.Fatal(err)
	}
	block := make([]byte, 512)
	if err := s.Read(ctx, 0, lun, 100, 1, block); err != nil {
		log.Fatal(err)
	}
	fmt.Println("zeroes:", bytes.Count(block, []byte{0}))
	if err := s.Logout(ctx); err != nil {
		log.Fatal(err)
	}
	// Output: zeroes: 512
}

// A session of four connections: a block is written over one and read over another; then one connection dies and is
// reinstated, and the commands that were lost with it are issued again.
func ExampleSession_Recover() {
	portal, shutdown := serve()
	defer shutdown()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	s, err := initiator.Dial(ctx, initiator.Config{
		Portals:       []string{portal},
		TargetName:    targetName,
		InitiatorName: "iqn.2026-11.com.example:host-7",
		ISID:          [6]byte{0x80, 0, 0, 0, 0, 1},
		Connections:   4,
	})
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	lun := initiator.LUN(0)
	if err := s.Ready(ctx, 0, lun); err != nil {
		log.Fatal(err)
	}
	block := bytes.Repeat([]byte("ring"), 128)
	if err := s.Write(ctx, 0, lun, 100, 1, block); err != nil {
		log.Fatal(err)
	}
	if err := s.Read(ctx, 3, lun, 100, 1, block); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d connections, %s\n", s.Granted, block[:4])

	if err := s.Kill(1, true); err != nil {
		log.Fatal(err)
	}
	again, err := s.Recover(ctx, 1, initiator.RecoverOptions{})
	if err != nil {
		log.Fatal(err)
	}
	for _, cmd := range again {
		if err := s.Exec(ctx, cmd); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println("commands issued again:", len(again), "violations:", len(s.Violations()))
	if err := s.Logout(ctx); err != nil {
		log.Fatal(err)
	}
	// Output:
	// 4 connections, ring
	// commands issued again: 0 violations: 0
}

// Random reads of 4 KiB over a session of two connections, each on a loop of its own. A measurement pins the loops to CPUs, and
// runs for a time (Duration) after a warm-up.
func ExampleLoops() {
	portal, shutdown := serve()
	defer shutdown()
	ctx := context.Background()
	loops, err := initiator.NewLoops(ctx, initiator.LoopsConfig{
		Sessions: []initiator.Config{{
			Portals:       []string{portal},
			TargetName:    targetName,
			InitiatorName: "iqn.2026-11.com.example:host-7",
			ISID:          [6]byte{0x80, 0, 0, 0, 0, 2},
			Connections:   2,
		}},
		CPUs: []int{-1, -1},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer loops.Close()
	r, err := loops.Run(ctx, initiator.Workload{ReadPercent: 100, Depth: 32, Count: 1000})
	if err != nil {
		log.Fatal(err)
	}
	if err := r.Err(); err != nil {
		log.Fatal(err)
	}
	fmt.Println(r.Requests(), "requests")
	_, _, _ = r.IOPS(), r.Latency().Quantile(0.99), r.CPUTime() // what a measurement is for
	// Output: 2000 requests
}
