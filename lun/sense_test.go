package lun

import (
	"bytes"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
)

// The layouts of SPC-4 4.5.2 (descriptor format) and 4.5.3 (fixed format).
func TestSenseLayouts(t *testing.T) {
	for _, c := range []struct {
		name              string
		s                 sense
		fixed, descriptor []byte
	}{
		{"key and codes", sense{key: NotReady, asc: 0x3A02},
			[]byte{0x70, 0, 0x02, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x3A, 0x02, 0, 0, 0, 0},
			[]byte{0x72, 0x02, 0x3A, 0x02, 0, 0, 0, 0}},
		{"information of 32 bits", sense{key: MediumError, asc: 0x1100, hasInfo: true, info: 0xFFFFFFFF},
			[]byte{0xF0, 0, 0x03, 0xFF, 0xFF, 0xFF, 0xFF, 10, 0, 0, 0, 0, 0x11, 0x00, 0, 0, 0, 0},
			[]byte{0x72, 0x03, 0x11, 0x00, 0, 0, 0, 12, 0x00, 0x0A, 0x80, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF}},
		{"information beyond 32 bits: VALID is zero in fixed format", sense{key: MediumError, asc: 0x1100, hasInfo: true, info: 0x123456789A},
			[]byte{0x70, 0, 0x03, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x11, 0x00, 0, 0, 0, 0},
			[]byte{0x72, 0x03, 0x11, 0x00, 0, 0, 0, 12, 0x00, 0x0A, 0x80, 0, 0, 0, 0, 0x12, 0x34, 0x56, 0x78, 0x9A}},
		{"information zero is information", sense{key: Miscompare, asc: 0x1D00, hasInfo: true},
			[]byte{0xF0, 0, 0x0E, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x1D, 0x00, 0, 0, 0, 0},
			[]byte{0x72, 0x0E, 0x1D, 0x00, 0, 0, 0, 12, 0x00, 0x0A, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
		{"a bit of the CDB", sense{key: IllegalRequest, asc: 0x2400, specific: fieldPointer(true, 0x0102, 5)},
			[]byte{0x70, 0, 0x05, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x24, 0x00, 0, 0xCD, 0x01, 0x02},
			[]byte{0x72, 0x05, 0x24, 0x00, 0, 0, 0, 8, 0x02, 0x06, 0, 0, 0xCD, 0x01, 0x02, 0}},
		{"a byte of the parameter list", sense{key: IllegalRequest, asc: 0x2600, specific: fieldPointer(false, 7, -1)},
			[]byte{0x70, 0, 0x05, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x26, 0x00, 0, 0x80, 0x00, 0x07},
			[]byte{0x72, 0x05, 0x26, 0x00, 0, 0, 0, 8, 0x02, 0x06, 0, 0, 0x80, 0x00, 0x07, 0}},
		{"all at once", sense{key: NotReady, asc: 0x041B, hasInfo: true, info: 1, specific: [3]byte{0x80, 0x40, 0x00}},
			[]byte{0xF0, 0, 0x02, 0, 0, 0, 1, 10, 0, 0, 0, 0, 0x04, 0x1B, 0, 0x80, 0x40, 0x00},
			[]byte{0x72, 0x02, 0x04, 0x1B, 0, 0, 0, 20, 0x00, 0x0A, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x02, 0x06, 0, 0, 0x80, 0x40, 0x00, 0}},
	} {
		dst := [SenseSize]byte{31: 0xEE}
		if n := c.s.encode(&dst, false); !bytes.Equal(dst[:n], c.fixed) {
			t.Errorf("%s: fixed format % x, want % x", c.name, dst[:n], c.fixed)
		}
		if n := c.s.encode(&dst, true); !bytes.Equal(dst[:n], c.descriptor) {
			t.Errorf("%s: descriptor format % x, want % x", c.name, dst[:n], c.descriptor)
		}
		check.That(t, dst[31] == 0, "what was in the buffer before is still there")
	}
}

// Each unit attention has a code of its own.
func TestAttentionCodes(t *testing.T) {
	seen := map[ASC]bool{}
	for i := range uaASC {
		a := attention(1) << i
		if seen[a.asc()] {
			t.Errorf("code %04x twice", a.asc())
		}
		seen[a.asc()] = true
	}
	for a, want := range map[attention]ASC{uaPowerOn: 0x2900, uaPowerOnOccurred: 0x2901, uaTargetReset: 0x2902, uaUnitReset: 0x2903, uaNexusLoss: 0x2907,
		uaCommandsCleared: 0x2F00, uaCommandsTerminated: 0x477F, uaMediumChanged: 0x2800, uaModeChanged: 0x2A01, uaCapacityChanged: 0x2A09, uaLUNsChanged: 0x3F0E,
		uaReservationsPreempted: 0x2A03, uaReservationsReleased: 0x2A04, uaRegistrationsPreempted: 0x2A05} {
		if a.asc() != want {
			t.Errorf("attention %x is %04x, want %04x", a, a.asc(), want)
		}
	}
}
