package lun_test

import (
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/lun"
)

// Status shows the holder of each kind of reservation, and none once it is released.
func TestReservationInfo(t *testing.T) {
	r := newPRRig(t)
	a, b := r.login(1, 1, 1), r.login(2, 1, 1)
	want := func(want lun.ReservationInfo, reserved bool) {
		t.Helper()
		got, is := r.u.Reservation()
		check.Equal(t, got, want, "reservation")
		check.Equal(t, is, reserved, "reserved")
	}
	want(lun.ReservationInfo{}, false)
	r.good("reserve", r.do(a, reserve10))
	want(lun.ReservationInfo{Type: "RESERVE", Holder: a.PortName()}, true)
	r.good("release", r.do(a, release10))
	r.good("register a", r.prout(a, saRegister, 0, 0, k1, 0))
	r.good("register b", r.prout(b, saRegister, 0, 0, k2, 0))
	want(lun.ReservationInfo{Registrants: 2}, false)
	for typ, name := range map[byte]string{
		typeWE: "Write Exclusive", typeEA: "Exclusive Access", typeWERO: "Write Exclusive - Registrants Only",
		typeEARO: "Exclusive Access - Registrants Only", typeWEAR: "Write Exclusive - All Registrants", typeEAAR: "Exclusive Access - All Registrants",
	} {
		r.good(name, r.prout(a, saReserve, typ, k1, 0, 0))
		holder := a.PortName()
		if typ >= typeWEAR {
			holder = ""
		}
		want(lun.ReservationInfo{Type: name, Holder: holder, Registrants: 2}, true)
		r.good("release", r.prout(a, saRelease, typ, k1, 0, 0))
	}
	want(lun.ReservationInfo{Registrants: 2}, false)
}
