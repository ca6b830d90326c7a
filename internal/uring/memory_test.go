package uring

import (
	"testing"
	"unsafe"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
)

// TestMap wants whole zeroed pages, also large ones, and sizes out of bounds refused.
func TestMap(t *testing.T) {
	for _, n := range []int{1, 4096, 4097, 3 << 20} {
		mem := mapped(t, n)
		if len(mem) < n || len(mem)%4096 != 0 || uintptr(unsafe.Pointer(&mem[0]))%4096 != 0 {
			t.Errorf("%d bytes gave %d at %p", n, len(mem), &mem[0])
		}
		mem[len(mem)-1] = 1
		check.OK(t, Populate(mem))
		check.That(t, mem[len(mem)-1] == 1 && mem[0] == 0, "populating changed the contents")
	}
	for _, n := range []int{0, -1, maxMapBytes + 1} {
		if mem, err := Map(n); err == nil {
			_ = Unmap(mem)
			t.Errorf("%d bytes were mapped", n)
		}
	}
	check.OK(t, Unmap(nil))
}

// TestArena wants aligned pieces that do not overlap, and an error when they no longer fit.
func TestArena(t *testing.T) {
	a := must.Get(NewArena(4096))(t)
	defer a.Close()
	x, err := a.Bytes(3, 1)
	if err != nil || len(x) != 3 || cap(x) != 3 {
		t.Fatal(x, err)
	}
	y, err := Alloc[Iovec](a, 2)
	if err != nil || len(y) != 2 {
		t.Fatal(y, err)
	}
	if p := uintptr(unsafe.Pointer(&y[0])); p%8 != 0 || p < uintptr(unsafe.Pointer(&x[2])) {
		t.Errorf("values at %#x after bytes at %p", p, x)
	}
	z, err := a.Bytes(1024, 2048)
	if err != nil || uintptr(unsafe.Pointer(&z[0]))%2048 != 0 {
		t.Fatal(err)
	}
	check.That(t, a.used == 3072 && len(a.mem) == 4096, "used %d of %d", a.used, len(a.mem))
	if _, err := a.Bytes(1024, 1); err != nil {
		t.Error(err)
	}
	for name, f := range map[string]func() error{
		"full":          func() error { _, err := a.Bytes(1, 1); return err },
		"full, typed":   func() error { _, err := Alloc[Iovec](a, 1); return err },
		"negative":      func() error { _, err := a.Bytes(-1, 1); return err },
		"alignment 3":   func() error { _, err := a.Bytes(0, 3); return err },
		"alignment 0":   func() error { _, err := a.Bytes(0, 0); return err },
		"no values":     func() error { _, err := Alloc[Iovec](a, 0); return err },
		"overflow":      func() error { _, err := Alloc[Iovec](a, 1<<60+1); return err },
		"empty values":  func() error { _, err := Alloc[struct{}](a, 1); return err },
		"huge aligment": func() error { _, err := a.Bytes(0, 1<<20); return err },
	} {
		check.That(t, f() != nil, "%s: no error", name)
	}
}
