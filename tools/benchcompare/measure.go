package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

// meter runs both test binaries in turn.
type meter struct {
	old, new  tree
	build     func(ctx context.Context, old, new *tree, layout int) error
	env       []string
	cpus      *unix.CPUSet
	bench     string
	benchtime string
	relink    bool
	raw       io.Writer
	progress  io.Writer
}

// compare runs rounds until all is clear or the last look is done.
func (m *meter) compare(ctx context.Context, looks []int, by rule) (report, error) {
	r := report{old: m.old, new: m.new, rule: by}
	old, new, err := m.probe(ctx, looks)
	if err != nil {
		return r, err
	}
	if common(old, new) == 0 {
		r.rows = compare(old, new, by)
		return r, nil
	}
	// Once, for benchstat makes a table of its own for each value of a key.
	if _, err := fmt.Fprintf(m.raw, "old-commit: %s\nnew-commit: %s\n", m.old, m.new); err != nil {
		return r, err
	}
	old, new = make(side), make(side)
	for _, rounds := range looks {
		if err := m.rounds(ctx, r.rounds, rounds, old, new); err != nil {
			return r, err
		}
		r.rounds, r.rows = rounds, compare(old, new, by)
		if !undecided(r.rows) {
			break
		}
	}
	return r, nil
}

// probe runs each benchmark once on both sides: what fails, fails now; caches are warm; and it is known how many there are to compare.
// An error says that nothing runs, or that so few rounds cannot decide about so many benchmarks at the last look.
func (m *meter) probe(ctx context.Context, looks []int) (old, new side, err error) {
	old, new = make(side), make(side)
	for _, s := range []struct {
		tree tree
		into side
	}{{m.old, old}, {m.new, new}} {
		output, err := m.process(ctx, s.tree, "1x")
		if err != nil {
			return nil, nil, err
		}
		results, _ := parse(output)
		s.into.add(results)
	}
	if len(old)+len(new) == 0 {
		return nil, nil, fmt.Errorf("no benchmark matches %q, neither in old nor in new", m.bench)
	}
	if both := common(old, new); both > 0 {
		rounds := looks[len(looks)-1]
		if least := leastRounds(both * len(looks)); rounds < least {
			return nil, nil, fmt.Errorf("%d rounds cannot decide about %d benchmarks, however they turn out: more -max-rounds, or fewer benchmarks",
				rounds, both)
		}
	}
	return old, new, nil
}

// common counts the benchmarks that both sides have.
func common(old, new side) (n int) {
	for name := range old {
		if new[name] != nil {
			n++
		}
	}
	return n
}

// leastRounds is how many samples a side it takes for n tests to be able to find anything.
func leastRounds(n int) int {
	rounds := minRounds
	for leastP(rounds, rounds) >= alpha/float64(n) {
		rounds++
	}
	return rounds
}

// rounds runs rounds from..to-1 and adds what they give: old new, new old, old new... so that neither side is always first, and what
// the machine does meanwhile falls on both. Each round has binaries of its own, linked in another layout: what the place of the code
// in memory does to its speed is then part of the noise, not of one side.
func (m *meter) rounds(ctx context.Context, from, to int, old, new side) error {
	for round := from; round < to; round++ {
		fmt.Fprintf(m.progress, "round %d of %d\n", round+1, to)
		if m.relink {
			if err := m.build(ctx, &m.old, &m.new, round+1); err != nil {
				return err
			}
		}
		for turn := range 2 {
			t, label, into := m.old, "old", old
			if (round+turn)%2 == 1 {
				t, label, into = m.new, "new", new
			}
			output, err := m.process(ctx, t, m.benchtime)
			if err != nil {
				return err
			}
			results, lines := parse(output)
			into.add(results)
			if err := writeRaw(m.raw, label, lines); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *meter) process(ctx context.Context, t tree, benchtime string) (string, error) {
	output, err := execute(ctx, m.cpus, t.folder, m.env, t.binary, "-test.run=^$", "-test.bench="+m.bench, "-test.benchmem",
		"-test.benchtime="+benchtime, "-test.timeout="+processLimit.String())
	if err != nil && !errors.Is(err, context.Canceled) {
		err = fmt.Errorf("%s: %w", t, err)
	}
	return output, err
}

// writeRaw writes one process's lines. The key before them is what benchstat's -col takes.
func writeRaw(w io.Writer, label string, lines []string) error {
	if _, err := fmt.Fprintf(w, "side: %s\n", label); err != nil {
		return err
	}
	for _, line := range lines {
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(w)
	return err
}
