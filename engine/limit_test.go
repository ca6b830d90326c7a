package engine

import (
	"fmt"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/lun"
)

// Initiators that have left are remembered until their debt is paid, but peers cannot make a target remember any number of names.
func TestDebtorsAreBounded(t *testing.T) {
	e := &Engine{}
	target := lun.NewTarget(lun.TargetConfig{})
	of := e.limits.of(target)
	enter := func(name string, conns int, debt int64) {
		lim := e.newLimit(target)
		lim.set(0, Rate{ReadIOPS: 1})
		lim.conns = conns
		if debt > 0 {
			lim.meterOf(lun.Reading).take(0, debt)
		}
		of.byName[name] = lim
	}
	enter("present", 1, 0)
	enter("paid", 0, 0)
	enter("debtor", 0, 1)
	of.forgetIdle(1)
	check.That(t, of.byName["present"] != nil && of.byName["debtor"] != nil && of.byName["paid"] == nil, "remembered: %v", of.byName)
	for k := range 3 * maxDebtors {
		enter(fmt.Sprint(k), 0, 1)
		of.forgetIdle(1)
	}
	check.That(t, len(of.byName) <= maxDebtors+1 && len(of.byName) > maxDebtors/2, "%d initiators are remembered", len(of.byName))
	check.That(t, of.byName["present"] != nil, "one that is logged in was forgotten")
}
