package lun

import (
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
)

// Answers that belong to normal operation are harmless, in both sense formats; those that an operator has to know are not.
func TestHarmless(t *testing.T) {
	for _, tt := range []struct {
		what   string
		status Status
		sense  sense
		want   bool
	}{
		{"condition met", StatusConditionMet, sense{}, true},
		{"reservation conflict", StatusReservationConflict, sense{}, true},
		{"power on", StatusCheckCondition, sense{key: UnitAttention, asc: 0x2900}, true},
		{"no such LUN", StatusCheckCondition, sense{key: IllegalRequest, asc: ascLUNotSupported}, true},
		{"miscompare", StatusCheckCondition, sense{key: Miscompare, asc: ascMiscompareVerify, hasInfo: true, info: 5}, true},
		{"ejected", StatusCheckCondition, sense{key: NotReady, asc: ascMediumNotPresentOpen}, true},
		{"sanitizing", StatusCheckCondition, sense{key: NotReady, asc: ascSanitizeInProgressSense}, true},
		{"medium gone", StatusCheckCondition, sense{key: NotReady, asc: ascNotReadyManual}, false},
		{"unrecovered read error", StatusCheckCondition, sense{key: MediumError, asc: ascUnrecoveredRead, hasInfo: true, info: 1 << 40}, false},
		{"internal failure", StatusCheckCondition, sense{key: HardwareError, asc: ascInternalTargetFailure}, false},
		{"no space", StatusCheckCondition, sense{key: DataProtect, asc: ascSpaceAllocationFailed}, false},
		{"write protected", StatusCheckCondition, sense{key: DataProtect, asc: ascWriteProtected}, false},
		{"aborted", StatusCheckCondition, sense{key: AbortedCommand}, false},
		{"busy", StatusBusy, sense{}, false},
		{"task set full", StatusTaskSetFull, sense{}, false},
		{"task aborted", StatusTaskAborted, sense{}, false},
	} {
		for _, descriptor := range []bool{false, true} {
			var b [SenseSize]byte
			n := 0
			if tt.status == StatusCheckCondition {
				n = tt.sense.encode(&b, descriptor)
			}
			check.Equal(t, Harmless(tt.status, b[:n]), tt.want, "%s, descriptor format %v: harmless", tt.what, descriptor)
		}
	}
	check.That(t, !Harmless(StatusCheckCondition, nil), "a CHECK CONDITION without sense data is harmless")
}
