package initiator

import (
	"testing"
	"time"
)

// What the loops have used is of the measured part alone: a read is one PDU, and those of the warm-up are not among them.
func TestMeterLeavesOutTheWarmUp(t *testing.T) {
	d := startDaemon(t, "", "--lun", "mem:16M")
	ls := loopsFor(t, LoopsConfig{Sessions: []Config{daemonConfig(d, 1)}})
	const depth = 4
	var r *Report
	for r == nil || r.Requests() == 0 { // a loaded machine may answer nothing in so short a time
		r = mustRun(t, ls, Workload{ReadPercent: 100, Depth: depth, Warmup: 200 * time.Millisecond, Duration: 100 * time.Millisecond})
	}
	l := &r.Loops[0]
	// Under way at either end are depth requests; a pong or an acknowledgement is a PDU too.
	if diff := int64(l.SentPDUs) - int64(r.Requests()); diff < -2*depth-8 || diff > 2*depth+8 {
		t.Errorf("%d PDUs for %d requests", l.SentPDUs, r.Requests())
	}
	if used := l.User + l.System; used <= 0 || used > r.Elapsed+20*time.Millisecond {
		t.Errorf("%v of processor time in %v", used, r.Elapsed)
	}
	if l.Enters == 0 || l.Enters < l.Blocking || l.Sends > l.SentPDUs {
		t.Errorf("%+v", l)
	}
}

// A run that is interrupted in its warm-up has used nothing that counts.
func TestMeterOfNothing(t *testing.T) {
	var m meter
	l := &loop{cpu: -1, report: LoopReport{Sends: 7, SentPDUs: 9}}
	m.stop(l)
	l.report.Sends = 11
	m.stop(l)
	if r := m.report(); r.Sends != 0 || r.SentPDUs != 0 || r.CPU != -1 {
		t.Errorf("%+v", r)
	}
}
