package session

import "testing"

// nobody is a courier that only counts.
type nobody struct{ n int }

func (d *nobody) delivered(*Task) { d.n++ }

// One request from its arrival in order to its release, by one loop.
func BenchmarkWindow(b *testing.B) {
	for name, shared := range map[string]bool{"alone": false, "shared": true} {
		b.Run(name, func(b *testing.B) {
			var w Window
			w.Init(0, DefaultWindow, shared)
			t, to := &Task{}, &nobody{}
			sn := uint32(0)
			for b.Loop() {
				w.Offer(sn, t, to)
				w.Release()
				sn++
			}
		})
	}
}
