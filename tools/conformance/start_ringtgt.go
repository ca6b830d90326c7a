package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/ringtgt/ringtgt/internal/harness"
)

// ringtgtTarget is our own daemon.
type ringtgtTarget struct{ d *harness.Daemon }

// startRingtgt writes a configuration file, because keepalive has no flag. It is off: some tests sleep without reading their connections
// (Sanitize.Reset 60 s at a time); a dropped one comes back with a unit attention, and Sanitize.Reset then never ends.
func startRingtgt(ctx context.Context, k kind, luns int, dir string) (target, error) {
	var toml strings.Builder
	fmt.Fprintf(&toml, "[server]\nnop_interval = \"0s\"\n\n[[portal]]\nlisten = \"{{ADDR}}\"\n\n[[target]]\nname = %q\n", harness.DefaultTarget)
	for i := range luns {
		spec := k.spec
		if k.image {
			spec = strings.Replace(spec, "%s", filepath.Join(dir, fmt.Sprintf("lun%d.img", i)), 1)
		}
		fmt.Fprintf(&toml, "\n[[target.lun]]\nlun = %d\n%s", i, spec)
	}
	d, err := harness.Start(ctx, harness.Options{State: filepath.Join(dir, "state"), Config: toml.String()})
	if err != nil {
		return nil, err
	}
	return ringtgtTarget{d}, nil
}

func (t ringtgtTarget) url(lun int) string { return t.d.URL(lun) }
func (t ringtgtTarget) alive() error       { return t.d.Alive() }
func (t ringtgtTarget) stop() error        { return t.d.Terminate(0) }
