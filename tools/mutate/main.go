// Command mutate breaks the code on purpose, in one place at a time, and expects a test to fail each time. A mutant that survives
// shows a rule that no test checks.
//
//	mutate [-run REGEXP] [-list] [-go COMMAND]
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/ringtgt/ringtgt/internal/harness"
)

// mutant is one change to one file, and the tests that must fail with it.
type mutant struct {
	name string
	file string
	old  string // occurs once in the file
	new  string
	pkg  string // whose tests are run
	run  string // which of them; empty: all
}

// inDaemon reports whether the change is in the daemon that the tests start, and not in the tests.
func (m *mutant) inDaemon() bool { return m.pkg == conformPkg }

// all are the mutants of every layer.
func all() (m []mutant) {
	for _, part := range [][]mutant{sessionMutants, engineMutants, lunMutants, wireMutants} {
		m = append(m, part...)
	}
	return m
}

func main() {
	which := flag.String("run", "", "only mutants whose names match")
	list := flag.Bool("list", false, "list the mutants, run nothing")
	goCommand := flag.String("go", "go", "the go command")
	flag.Parse()
	re, err := regexp.Compile(*which)
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(2)
	}
	mutants := slices.DeleteFunc(all(), func(m mutant) bool { return !re.MatchString(m.name) })
	if *list {
		for _, m := range mutants {
			fmt.Printf("%-40s %s\n", m.name, m.file)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := healthy(ctx, *goCommand, mutants); err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(1)
	}
	var survivors []string
	for _, m := range mutants {
		begin := time.Now()
		state, err := m.try(ctx, *goCommand)
		if ctx.Err() != nil { // a killed test is not a killed mutant
			fmt.Fprintln(os.Stderr, "mutate: interrupted")
			os.Exit(1)
		}
		if err != nil {
			fmt.Printf("%-40s %v\n", m.name, err)
			state = untried
		}
		fmt.Printf("%-40s %-9s %5.1fs\n", m.name, state, time.Since(begin).Seconds())
		if state != killed {
			survivors = append(survivors, m.name)
		}
	}
	fmt.Printf("%d mutants, %d survive or were not tried\n", len(mutants), len(survivors))
	for _, s := range survivors {
		fmt.Printf("    %s\n", s)
	}
	if len(survivors) > 0 {
		os.Exit(1)
	}
}

// outcome is the result for a mutant.
type outcome string

const (
	killed   outcome = "killed"
	survived outcome = "SURVIVES"
	untried  outcome = "NOT TRIED" // it does not apply, does not compile, or has no test
)

// healthy checks that the mutants' tests pass on the unchanged code: a test that fails anyway would kill all mutants.
func healthy(ctx context.Context, goCommand string, mutants []mutant) error {
	args := []string{"test"}
	for _, m := range mutants {
		if pkg := "./" + m.pkg; !slices.Contains(args, pkg) {
			args = append(args, pkg)
		}
	}
	if len(args) == 1 {
		return nil
	}
	if out, err := exec.CommandContext(ctx, goCommand, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("tests fail before anything is changed: %w\n%s", err, out)
	}
	return nil
}

// apply returns the file as the mutant has it.
func (m *mutant) apply() ([]byte, error) {
	text, err := os.ReadFile(m.file)
	if err != nil {
		return nil, err
	}
	if n := strings.Count(string(text), m.old); n != 1 {
		return nil, fmt.Errorf("what it changes occurs %d times in %s, not once", n, m.file)
	}
	return []byte(strings.Replace(string(text), m.old, m.new, 1)), nil
}

// try runs the mutant's tests on the changed code. The tree itself is not touched: the compiler gets the changed file as an
// overlay. A mutant that does not compile is an error: nothing was tried.
func (m *mutant) try(ctx context.Context, goCommand string) (outcome, error) {
	text, err := m.apply()
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "ringtgt-mutate-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	root, err := os.Getwd()
	if err != nil {
		return "", err
	}
	changed := filepath.Join(dir, "changed.go")
	overlay := filepath.Join(dir, "overlay.json")
	plan, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(root, m.file): changed}})
	if err != nil {
		return "", err
	}
	for name, data := range map[string][]byte{changed: text, overlay: plan} {
		if err := os.WriteFile(name, data, 0o644); err != nil {
			return "", err
		}
	}
	binary, daemon := filepath.Join(dir, "test"), filepath.Join(dir, "ringtgt")
	build := []string{"test", "-c", "-o", binary}
	if m.inDaemon() {
		if out, err := exec.CommandContext(ctx, goCommand, "build", "-overlay", overlay, "-o", daemon, "./tools/ringtgt").CombinedOutput(); err != nil {
			return "", fmt.Errorf("does not compile: %s", out)
		}
	} else {
		build = append(build, "-overlay", overlay)
	}
	build = append(build, "./"+m.pkg)
	if out, err := exec.CommandContext(ctx, goCommand, build...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("does not compile: %s", out)
	}
	args := []string{"-test.failfast", "-test.timeout=3m"}
	if m.run != "" {
		args = append(args, "-test.run", m.run)
	}
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Dir = filepath.Join(root, m.pkg)
	if m.inDaemon() {
		cmd.Env = append(os.Environ(), harness.BinaryEnv+"="+daemon)
	}
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return killed, nil
	case err != nil:
		return "", err
	case strings.Contains(string(out), "no tests to run"):
		return "", fmt.Errorf("no test matches %q in %s", m.run, m.pkg)
	}
	return survived, nil
}
