package process

import (
	"fmt"
	"testing"
)

func TestReservedPortsAreDistinct(t *testing.T) {
	seen := map[string]bool{}
	for range 200 {
		r, err := ReservePort()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Release()
		if seen[r.Addr] {
			t.Fatalf("%s was given twice", r.Addr)
		}
		seen[r.Addr] = true
	}
}

func TestTailKeepsTheEnd(t *testing.T) {
	tl := &tail{max: 10}
	fmt.Fprint(tl, "0123456")
	if tl.String() != "0123456" {
		t.Errorf("%q", tl.String())
	}
	fmt.Fprint(tl, "789abc")
	if got, want := tl.String(), "[...]3456789abc"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
