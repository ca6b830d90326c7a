package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/ringtgt/ringtgt/tools/internal/daemon"
)

// ringtgtTarget is our own daemon.
type ringtgtTarget struct{ d *daemon.Daemon }

func startRingtgt(ctx context.Context, k kind, luns int, dir string) (target, error) {
	o := daemon.Options{State: filepath.Join(dir, "state")}
	for i := range luns {
		spec := k.spec
		if k.image {
			spec = strings.Replace(spec, "%s", filepath.Join(dir, fmt.Sprintf("lun%d.img", i)), 1)
		}
		o.LUNs = append(o.LUNs, spec)
	}
	d, err := daemon.Start(ctx, o)
	if err != nil {
		return nil, err
	}
	return ringtgtTarget{d}, nil
}

func (t ringtgtTarget) url(lun int) string { return t.d.URL(lun) }
func (t ringtgtTarget) alive() error       { return t.d.Alive() }
func (t ringtgtTarget) log() string        { return t.d.Log() }
func (t ringtgtTarget) stop() error        { return t.d.Terminate(0) }
