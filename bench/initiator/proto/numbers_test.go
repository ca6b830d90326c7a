package proto

import (
	"sync"
	"testing"

	"github.com/ringtgt/ringtgt/pdu"
)

// RFC 7143, 4.2.2.1: the window is [ExpCmdSN, MaxCmdSN]; it is closed when
// MaxCmdSN is ExpCmdSN-1. Numbers wrap (4.2.2.1, RFC 1982).
func TestTakeStopsAtMaxCmdSN(t *testing.T) {
	for _, first := range []uint32{0, 1, 0x7ffffffe, 0xfffffffe} {
		var n Numbers
		n.Init(first)
		if _, ok := n.Take(); ok {
			t.Errorf("first %#x: a number is taken before the target opens the window", first)
		}
		n.Update(first, first+3)
		for i := range uint32(4) {
			if sn, ok := n.Take(); !ok || sn != first+i {
				t.Errorf("first %#x: take %d gives %#x, %v", first, i, sn, ok)
			}
		}
		if sn, ok := n.Take(); ok {
			t.Errorf("first %#x: %#x is taken beyond MaxCmdSN", first, sn)
		}
	}
}

// 4.2.2.1: each of the two is taken only where it is greater; both are ignored where MaxCmdSN is below ExpCmdSN-1.
func TestUpdateNeverGoesBack(t *testing.T) {
	for _, base := range []uint32{100, 0xfffffff0} {
		n := new(Numbers)
		n.Init(base)
		for _, tt := range []struct {
			exp, max         uint32 // what the PDU says, from base
			wantExp, wantMax uint32
			opened           bool
			because          string
		}{
			{0, 10, 0, 10, true, "it is the first statement"},
			{3, 13, 3, 13, true, "both rise"},
			{1, 11, 3, 13, false, "it is an older PDU of another connection"},
			{5, 11, 5, 13, false, "MaxCmdSN would go back"},
			{2, 20, 5, 20, true, "ExpCmdSN would go back"},
			{30, 28, 5, 20, false, "MaxCmdSN is below ExpCmdSN-1"},
			{21, 20, 21, 20, false, "the window is closed, which is no error"},
		} {
			opened := n.Update(base+tt.exp, base+tt.max)
			if opened != tt.opened || n.ExpCmdSN() != base+tt.wantExp || n.MaxCmdSN() != base+tt.wantMax {
				t.Errorf("base %#x, %+v: opened %v, ExpCmdSN +%d, MaxCmdSN +%d", base, tt, opened, n.ExpCmdSN()-base, n.MaxCmdSN()-base)
			}
		}
	}
}

// Many connections take at the same time: every number goes out once, none beyond MaxCmdSN, across the wrap.
func TestNumbersAreTakenOnce(t *testing.T) {
	const takers, each = 8, 2000
	var n Numbers
	first := uint32(0xffffffff - takers*each/2)
	n.Init(first)
	var wg sync.WaitGroup
	got := make([][]uint32, takers)
	for i := range takers {
		wg.Go(func() {
			for len(got[i]) < each {
				sn, ok := n.Take()
				if !ok {
					n.Update(n.CmdSN(), n.CmdSN()+7)
					continue
				}
				if pdu.SNLess(n.MaxCmdSN(), sn) {
					t.Errorf("%#x is taken beyond MaxCmdSN %#x", sn, n.MaxCmdSN())
				}
				got[i] = append(got[i], sn)
			}
		})
	}
	wg.Wait()
	seen := map[uint32]bool{}
	for i := range got {
		for k, sn := range got[i] {
			if seen[sn] {
				t.Fatalf("%#x is taken twice", sn)
			}
			seen[sn] = true
			if k > 0 && !pdu.SNLess(got[i][k-1], sn) {
				t.Fatalf("a taker gets %#x after %#x", sn, got[i][k-1])
			}
		}
	}
	for i := range uint32(takers * each) {
		if !seen[first+i] {
			t.Fatalf("%#x is missing", first+i)
		}
	}
}

// A connection that announces itself while another opens the window is not
// forgotten: either it sees the window open, or the other sees it waiting.
func TestNobodyWaitsForAnOpenWindow(t *testing.T) {
	for range 2000 {
		var n Numbers
		n.Init(1)
		var waits, told bool
		var wg sync.WaitGroup
		wg.Go(func() { waits = n.Wait() })
		wg.Go(func() { told = n.Update(1, 8) && n.Waiting() })
		wg.Wait()
		if waits && !told {
			t.Fatal("a connection waits and nobody wakes it")
		}
	}
}

// Initiator Task Tags are unique in a session (11.2.1.8) and never the reserved
// one; a tag that has been answered is told from one that never was.
func TestTags(t *testing.T) {
	seen := map[uint32]bool{}
	for ordinal := range Ordinals {
		tg := newTags(ordinal, 2)
		for range 3 {
			var a, b Command
			for _, c := range []*Command{&a, &b} {
				itt := tg.take(c)
				if itt == pdu.ReservedTag || seen[itt] {
					t.Fatalf("tag %#x is reserved or used twice", itt)
				}
				seen[itt] = true
				c.task.itt = itt
				if got, _ := tg.find(itt); got != c {
					t.Fatalf("tag %#x does not find its command", itt)
				}
			}
			tg.release(a.task.itt, endedAnswered)
			tg.release(b.task.itt, endedLocally)
			if _, how := tg.find(a.task.itt); how != endedAnswered {
				t.Fatalf("an answered tag is %d", how)
			}
			if _, how := tg.find(b.task.itt); how != endedLocally {
				t.Fatalf("an aborted tag is %d", how)
			}
		}
	}
	// Turns come round.
	var c Command
	tg := newTags(5, 1)
	for i := range 3 << turnBits {
		itt := tg.take(&c)
		if got, _ := tg.find(itt); got != &c {
			t.Fatalf("the %dth tag of a slot, %#x, does not find its command", i, itt)
		}
		tg.release(itt, endedAnswered)
	}
	tg = newTags(3, 2)
	for _, itt := range []uint32{0, 1, pdu.ReservedTag, 3 << 24, 3<<24 | 77, 2 << 24} {
		if c, how := tg.find(itt); c != nil || how != endedNever {
			t.Errorf("tag %#x, never given, is %d", itt, how)
		}
	}
}
