package uring

import (
	"runtime"
	"testing"
	"time"
)

func TestNop(t *testing.T) {
	runtime.LockOSThread()
	r, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Log(r.Features())
	for i := range 5000 {
		r.Nop(uint64(i))
	}
	got := 0
	for got < 5000 {
		if err := r.SubmitAndWait(time.Second); err != nil {
			t.Fatal(err)
		}
		for {
			c, ok := r.Peek()
			if !ok {
				break
			}
			r.Seen()
			if c.UserData != uint64(got) {
				t.Fatal(c, got)
			}
			got++
		}
	}
	t.Log(r.Stats(), got)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if err := Probe(); err != nil {
		t.Fatal(err)
	}
}
