package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ringtgt/ringtgt/internal/bench/compare"
	"github.com/ringtgt/ringtgt/internal/bench/peer"
	"github.com/ringtgt/ringtgt/internal/bench/result"
	benchrun "github.com/ringtgt/ringtgt/internal/bench/run"
	"github.com/ringtgt/ringtgt/internal/host"
)

// idleOfComparison is how long each target of a comparison is measured idle unless --idle is given.
const idleOfComparison = time.Second

// compare carries out `--compare`.
func (c *benchCmd) compare(ctx context.Context, o benchrun.Options) (*result.Comparison, error) {
	first, err := c.side(c.URL)
	if err != nil {
		return nil, err
	}
	second, err := c.side(c.Compare)
	if err != nil {
		return nil, err
	}
	if second.Name == first.Name { // two ringtgts, or the same URL twice: the spread between identical targets
		second.Name += " again"
	}
	if o.Idle == 0 {
		o.Idle = idleOfComparison
	}
	target, err := cpus("--target-cores", c.TargetCores)
	if err != nil {
		return nil, usage(err)
	}
	// Targets that were already running keep their CPUs unless --target-cores is given.
	if all := host.CPUs(); c.TargetCores == "" && first.Peer != "" && second.Peer != "" && len(all) > 1 {
		target = all[:1]
		if len(o.Cores) == 0 {
			o.Cores = all[len(all)-1:]
		}
	}
	return compare.Run(ctx, compare.Options{
		Run: o, Sides: []compare.Side{first, second}, Rounds: int(c.Rounds), TargetCPUs: target, EqualLoad: float64(c.EqualLoad) / 100, Round: o.Series,
	})
}

// side parses one target: a URL, the name of a target to start, the path of a ringtgt binary to start, or "" for this one.
func (c *benchCmd) side(s string) (compare.Side, error) {
	switch {
	case s == "":
		return compare.Side{Name: peer.Ringtgt, Peer: peer.Ringtgt}, nil
	case strings.Contains(s, "://"):
		u, err := benchrun.ParseURL(s)
		if err != nil {
			return compare.Side{}, usage(err)
		}
		return compare.Side{Name: u.String(), URL: s}, nil
	case slices.Contains(peer.Names(), s), s == peer.SPDK, s == peer.LIO: // the last two return an error with their requirements
		return compare.Side{Name: s, Peer: s}, nil
	case strings.ContainsRune(s, filepath.Separator):
		if _, err := exec.LookPath(s); err != nil {
			return compare.Side{}, usage(fmt.Errorf("--compare %s: %w", s, errors.Unwrap(err)))
		}
		return compare.Side{Name: s, Peer: peer.Ringtgt, Binary: s}, nil
	}
	return compare.Side{}, usage(fmt.Errorf("--compare %q: want %s, a URL, or the path of a ringtgt binary such as ./ringtgt.old", s, strings.Join(peer.Names(), ", ")))
}

func usage(err error) error { return &benchrun.UsageError{Problems: []string{err.Error()}} }
