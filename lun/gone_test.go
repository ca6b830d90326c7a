package lun_test

import (
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/lun"
)

// TestGoneMediumIsNotReady: a unit whose medium is gone is not ready, for commands that access it and for TEST UNIT READY alike
// (SPC-4 6.47), and becomes ready when the medium is back. Other errors do not make it not ready.
func TestGoneMediumIsNotReady(t *testing.T) {
	const notReady = "2/0403"
	for _, first := range []struct {
		name string
		cdb  [16]byte
		out  []byte
	}{
		{"a read", cdb10(0x28, 0, 5, 1), nil},
		{"a write", cdb10(0x2A, 0, 5, 1), make([]byte, 512)},
		{"a flush", cdb10(0x35, 0, 0, 0), nil},
	} {
		t.Run(first.name, func(t *testing.T) {
			r := newRig(t, withPosted, withVolatile)
			r.want(r.do(testUnitReady()), "GOOD", "nothing is wrong")
			check.Equal(t, len(r.d.log), 0, "requests for it while nothing is wrong:")
			r.d.fail = func(*lun.Request) error { return lun.ErrGone }
			r.want(r.do(first.cdb, first.out...), notReady, "there is no medium")
			r.want(r.do(testUnitReady()), notReady, "it says what a command that needs the medium would meet")
			r.want(r.on(r.b, testUnitReady()), notReady, "that is so for everybody")
			r.d.fail = func(*lun.Request) error { return lun.ErrBusy }
			r.want(r.do(testUnitReady()), "status 08", "whether it is back cannot be said now")
			r.d.fail = nil
			r.want(r.do(testUnitReady()), "GOOD", "it is back")
			before := len(r.d.log)
			r.want(r.do(testUnitReady()), "GOOD", "it is there")
			check.That(t, len(r.d.log) == before, "it reads though nothing is wrong")
		})
	}
	r := newRig(t, withPosted, withVolatile)
	r.d.fail = func(*lun.Request) error { return lun.ErrMedium }
	r.want(r.do(cdb10(0x28, 0, 5, 1)), "3/1100", "a block is bad")
	r.want(r.do(testUnitReady()), "GOOD", "a bad block is not a unit that is not ready")
	check.Equal(t, r.w.Loop(0).Outstanding(), 0, "buffers that were not given back:")
}
