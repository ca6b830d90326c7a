package engine

import (
	"maps"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/internal/rawclient"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/pdu"
	"github.com/ringtgt/ringtgt/session"
)

// A login gets the device of its target's name, whatever the case (RFC 7143, 4.2.7.2), and is refused if there is none. Sessions
// that are up keep their device. The simulation checks that a nexus is forgotten with its session.
func TestDevices(t *testing.T) {
	r := newRig(t, 1, memory(t, 1<<20))
	i := r.login(1)

	r.e.SetDevices()
	text := pdu.AppendText(pdu.AppendText(nil, "InitiatorName", "iqn.2026-11.test:2"), "TargetName", testTarget)
	p, err := r.dial().LogIn(rawclient.OneRequest([6]byte{0x80, 0, 0, 0, 0, 2}), text)
	if err != nil {
		t.Fatal(err)
	}
	if p.Status() != pdu.LoginServiceUnavailable { // class 3: the initiator may retry (11.13.5)
		t.Errorf("a login to a target without a device is answered %#x", uint16(p.Status()))
	}
	if s, _ := i.finish(i.startRead(0, 0, 1)); s != 0 {
		t.Errorf("the session that was up reads with status %#x", s)
	}

	other := lun.NewTarget(lun.TargetConfig{Name: strings.ToUpper(testTarget), Aborter: r.e, Loops: 1})
	r.e.SetDevices(other)
	j := r.enter(3)
	if s, _ := j.finish(j.startRead(0, 0, 1)); s != byte(lun.StatusCheckCondition) {
		t.Errorf("a session of the new device, which has no units, reads with status %#x", s)
	}
	if d := r.e.devices.of(&session.Target{Name: strings.ToUpper(testTarget)}); d != other {
		t.Errorf("a target with another case of the device's name has device %p, want %p", d, other)
	}
	x := &r.e.nexuses
	x.mu.Lock()
	defer x.mu.Unlock()
	if n := len(x.bySession); n != 2 {
		t.Errorf("%d nexuses for two sessions", n)
	}
}

// A task keeps its number, by which the pool finds it, through all its uses.
func TestTaskNumbers(t *testing.T) {
	var p taskPool
	a, b := p.get(), p.get()
	p.put(a)
	if c := p.get(); c != a || p.of(&a.s) != a || p.of(&b.s) != b || a.l.Owner != lun.TaskOwner(a) {
		t.Errorf("task %p is found as %p, %p as %p; %p is reused", a, p.of(&a.s), b, p.of(&b.s), c)
	}
}

// A target that is gone is not reported any more, and another one of its name is reported once.
func TestStatisticsOfTargetsThatCome(t *testing.T) {
	r := newRig(t, 2, memory(t, 1<<20))
	use := func() int {
		i := r.login(1)
		i.good(i.startRead(0, 0, 1))
		i.Close()
		waitFor(t, "the session to end", r.quiet(0))
		seen := map[string]int{}
		for _, u := range r.e.Latency(0).Units {
			seen[u.Operation]++
		}
		return seen["read"]
	}
	check.Equal(t, use(), 1, "reports of reads:")
	for range 3 {
		r.target = lun.NewTarget(lun.TargetConfig{Name: testTarget, Ports: r.target.Ports(), Aborter: r.e, Loops: 2})
		must.Get(r.target.AddUnit(0, lun.UnitConfig{Backend: memory(t, 1<<20)}))(t)
		r.e.SetDevices(r.target)
		check.Equal(t, use(), 1, "reports of reads of a new target:")
	}
	r.e.SetDevices()
	check.That(t, len(r.e.Latency(0).Units) == 0, "reports of a target that is gone: %v", r.e.Latency(0).Units)
}

// A unit that gets the LUN of one that was removed is counted anew.
func TestStatisticsOfAUnitThatGoes(t *testing.T) {
	r := newRig(t, 2, memory(t, 1<<20), memory(t, 1<<20))
	i, j := r.login(1), r.login(2)
	reads := func() (n uint64) {
		for _, u := range r.e.Latency(0).Units {
			if u.LUN == 1 && u.Operation == "read" {
				n += u.Commands
			}
		}
		return n
	}
	for round := range 3 {
		for range 5 {
			i.good(i.startRead(1, 0, 1))
			j.good(j.startRead(1, 0, 1))
		}
		waitFor(t, "the reads to be counted", func() bool { return reads() == 10 })
		must.OK(t, r.e.RemoveUnit(t.Context(), r.unit(1), false))
		check.That(t, reads() == 0, "round %d: %d reads of a unit that is gone", round, reads())
		must.Get(r.target.AddUnit(1, lun.UnitConfig{Backend: memory(t, 1<<20)}))(t)
		i.clearAttention(1)
		j.clearAttention(1)
	}
}

// A LUN that does not exist yet is counted as itself once it does.
func TestStatisticsOfAUnitThatComes(t *testing.T) {
	r := newRig(t, 1, memory(t, 1<<20))
	i := r.login(1)
	counted := func(want map[int]uint64) func() bool {
		return func() bool {
			got := map[int]uint64{}
			for _, u := range r.e.Latency(0).Units {
				if u.Operation == "read" {
					got[u.LUN] = u.Commands
				}
			}
			return maps.Equal(got, want)
		}
	}
	i.wantStatus(i.startRead(1, 0, 1), 2, "there is no such LUN")
	waitFor(t, "the first read to be counted", counted(map[int]uint64{-1: 1}))
	must.Get(r.target.AddUnit(1, lun.UnitConfig{Backend: memory(t, 1<<20)}))(t)
	i.wantStatus(i.startRead(1, 0, 1), 2, "its unit attention")
	i.good(i.startRead(1, 0, 1))
	waitFor(t, "the reads to be counted", counted(map[int]uint64{-1: 1, 1: 2}))
}
