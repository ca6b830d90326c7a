package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/ringtgt/ringtgt/engine"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/control"
)

// readLatency reads the latencies of the daemon at path since its start or, if span is not 0, of that span: the difference of two
// readings. top is the number of connections to include.
func readLatency(ctx context.Context, path string, span time.Duration, top int) (*control.Latency, error) {
	if span == 0 {
		return control.GetLatency(ctx, path, top)
	}
	// The busiest connections of the span need not be the busiest since the start.
	most := top
	if top > 0 {
		most = control.MaxConnections
	}
	before, err := control.GetLatency(ctx, path, most)
	if err != nil {
		return nil, err
	}
	select {
	case <-time.After(span):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	after, err := control.GetLatency(ctx, path, most)
	if err != nil {
		return nil, err
	}
	if !after.SameDaemon(before) {
		return nil, errors.New("the daemon was restarted meanwhile")
	}
	after.Sub(&before.Latency)
	after.Since = before.At
	slices.SortStableFunc(after.Connections, func(a, b engine.ConnLatency) int { return cmp.Compare(b.Bytes, a.Bytes) })
	after.Connections = after.Connections[:min(top, len(after.Connections))]
	return after, nil
}

// latency returns the daemon's latencies for the control socket.
func (d *daemon) latency(ctx context.Context, connections int) (*control.Latency, error) {
	l, err := d.readLatency(ctx, connections)
	if err != nil {
		return nil, err
	}
	return &control.Latency{
		Version: control.Version, PID: os.Getpid(), Daemon: version(), Started: d.engine.Started(), Since: d.engine.Started(), Latency: l,
	}, nil
}

// readLatency reads the loops, at most until ctx is done. While an answer is outstanding there is no second request: a stuck loop must
// block one reader, not one for each request.
func (d *daemon) readLatency(ctx context.Context, connections int) (engine.Latency, error) {
	if !d.running.Load() {
		return engine.Latency{}, errors.New("the daemon is starting")
	}
	select {
	case d.reading <- struct{}{}:
	case <-ctx.Done():
		return engine.Latency{}, fmt.Errorf("an earlier reading is under way: %w", errStuck)
	}
	answer := make(chan engine.Latency, 1)
	go func() {
		answer <- d.engine.Latency(connections)
		<-d.reading
	}()
	select {
	case l := <-answer:
		return l, nil
	case <-ctx.Done():
		return engine.Latency{}, errStuck
	}
}
