package initiator_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/ringtgt/ringtgt/bench/initiator"
)

// A session of four connections: a block is written over one and read over another; then one connection dies, is
// reinstated, and what was lost with it is issued again.
func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	s, err := initiator.Dial(ctx, initiator.Config{
		Portals:       []string{"127.0.0.1:3260"},
		TargetName:    "iqn.2026-11.io.ringtgt:disk0",
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
	block := make([]byte, 512)
	if err := s.Write(ctx, 0, lun, 100, 1, block); err != nil {
		log.Fatal(err)
	}
	if err := s.Read(ctx, 3, lun, 100, 1, block); err != nil {
		log.Fatal(err)
	}

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
	for _, v := range s.Violations() {
		fmt.Println("the target:", v)
	}
	if err := s.Logout(ctx); err != nil {
		log.Fatal(err)
	}
}

// Ten seconds of 4 KiB random reads from a session of two connections, each on a thread of its own.
func ExampleLoops() {
	ctx := context.Background()
	loops, err := initiator.NewLoops(ctx, initiator.LoopsConfig{
		Sessions: []initiator.Config{{
			Portals:       []string{"127.0.0.1:3260"},
			TargetName:    "iqn.2026-11.io.ringtgt:disk0",
			InitiatorName: "iqn.2026-11.com.example:host-7",
			ISID:          [6]byte{0x80, 0, 0, 0, 0, 2},
			Connections:   2,
		}},
		CPUs: []int{2, 3},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer loops.Close()
	r, err := loops.Run(ctx, initiator.Workload{ReadPercent: 100, Depth: 32, Duration: 10 * time.Second, Warmup: time.Second})
	if err != nil {
		log.Fatal(err)
	}
	if err := r.Err(); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.0f IOPS, p99 %v, %.2f client CPUs\n", r.IOPS(), r.Latency().Quantile(0.99), r.CPUTime().Seconds()/r.Elapsed.Seconds())
}
