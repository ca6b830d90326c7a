package lun

import (
	"sync"
	"sync/atomic"
	"testing"
)

// TestTakeAttentionOnce: commands of one nexus run on several loops, and conditions are established from others. Each
// time a condition became pending it is reported once: of two commands at the same instant by one, and what is
// established in that instant is not lost. The instant is a few instructions long; a build with the race detector widens it.
func TestTakeAttentionOnce(t *testing.T) {
	const rounds = 2_000_000
	u, n := &Unit{lun: 5}, &Nexus{}
	var established, reported atomic.Int64
	var setters, takers sync.WaitGroup
	var stop atomic.Bool
	for _, a := range []attention{uaUnitReset, uaReservationsReleased, uaCapacityChanged} {
		setters.Go(func() {
			for range rounds {
				if n.attend(u, a) {
					established.Add(1)
				}
			}
		})
	}
	for range 2 {
		takers.Go(func() {
			for !stop.Load() {
				if n.takeAttention(u, ^attention(0)) != 0 {
					reported.Add(1)
				}
			}
		})
	}
	setters.Wait()
	stop.Store(true)
	takers.Wait()
	// The bound ends the loop if an attention is never cleared.
	for n.takeAttention(u, ^attention(0)) != 0 && reported.Add(1) <= established.Load() {
	}
	if e, r := established.Load(), reported.Load(); e != r {
		t.Errorf("established %d times, reported %d times", e, r)
	}
}

// A command of a removed unit neither takes nor establishes an attention of the unit that has its LUN now.
func TestAttentionIsItsUnits(t *testing.T) {
	old, next, n := &Unit{lun: 5, generation: 1 << attentionCount}, &Unit{lun: 5, generation: 2 << attentionCount}, &Nexus{}
	n.greet(next, uaPowerOn)
	if a := n.takeAttention(old, ^attention(0)); a != 0 {
		t.Errorf("the removed unit's command took %#x", a)
	}
	if n.attend(old, uaModeChanged) {
		t.Error("the removed unit's command established an attention")
	}
	if a := n.takeAttention(next, ^attention(0)); a != uaPowerOn {
		t.Errorf("pending is %#x, want POWER ON", a)
	}
}
