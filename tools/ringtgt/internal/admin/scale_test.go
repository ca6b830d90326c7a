package admin

import (
	"fmt"
	"testing"

	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/lun/backend"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
)

// What one change of a daemon with 1,000 targets computes: the edit, the text to save and its check, the whole, the plan.
func BenchmarkChange(b *testing.B) {
	file, ps := config.Read(config.Flags{LUN: []string{"mem:1M"}}, false)
	must.Be(b, file != nil, "%v", ps)
	owned := &config.Config{}
	name := func(i int) string { return fmt.Sprintf("iqn.2026-11.com.example:t%d", i) }
	for i := range 1000 {
		_, err := AddTarget{Name: name(i)}.Edit(owned, file)
		must.OK(b, err)
		_, err = AddLUN{Target: name(i), LUN: config.LUN{Kind: backend.KindFile, Path: fmt.Sprintf("/nonexistent/%d", i), Size: 1 << 20}}.Edit(owned, file)
		must.OK(b, err)
	}
	all, ps := config.Merge(file, owned)
	must.Be(b, all != nil, "%v", ps)
	parts := []struct {
		name string
		do   func()
	}{
		{"clone", func() { owned.Clone() }},
		{"encode", func() { config.EncodeOwned(owned, "/s/owned.toml") }},
		{"reread", func() { config.Reread(owned, "/s/owned.toml", false) }},
		{"combine", func() { config.Combine(file, owned) }},
		{"merge", func() { config.Merge(file, owned) }},
		{"diff", func() { Diff(all, all) }},
	}
	for _, p := range parts {
		b.Run(p.name, func(b *testing.B) {
			for b.Loop() {
				p.do()
			}
		})
	}
}
