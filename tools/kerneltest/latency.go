package kerneltest

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/ringtgt/ringtgt/engine"
	"github.com/ringtgt/ringtgt/internal/harness"
)

// latency reads the daemon's own latencies.
func (t *target) latency(ctx context.Context) (*engine.Latency, error) {
	binary, err := harness.Build(ctx)
	if err != nil {
		return nil, err
	}
	out, err := exec.CommandContext(ctx, binary, "status", "--latency", "--json", "--state", filepath.Join(t.config.dir, "state")).Output()
	if err != nil {
		return nil, fmt.Errorf("ringtgt status --latency: %w", err)
	}
	l := &engine.Latency{}
	return l, json.Unmarshal(out, l)
}

// latencySince describes the 99th percentiles of a LUN's commands since the reading before, on all loops, as the daemon measured them:
// without what the network and the guest's emulation add.
func (t *target) latencySince(ctx context.Context, before *engine.Latency, target string, lun int) (string, error) {
	now, err := t.latency(ctx)
	if err != nil {
		return "", err
	}
	now.Sub(before)
	sums := map[string]*engine.UnitLatency{}
	for i := range now.Units {
		u := &now.Units[i]
		if u.Target != target || u.LUN != lun {
			continue
		}
		if s := sums[u.Operation]; s != nil {
			s.Add(u)
		} else {
			sums[u.Operation] = u
		}
	}
	var out []string
	for _, op := range []string{"read", "write"} {
		if s := sums[op]; s != nil {
			total, medium := &s.Stages[engine.StageTotal], &s.Stages[engine.StageBackend]
			out = append(out, fmt.Sprintf("%s p99 %.2f ms, medium %.2f ms (%d)", op, ms(total.Quantile(0.99)), ms(medium.Quantile(0.99)), s.Commands))
		}
	}
	return "in the target: " + strings.Join(out, "; "), nil
}

func ms(ns int64) float64 { return float64(ns) / float64(time.Millisecond) }
