package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// repository is the git repository of the current folder.
type repository struct {
	top    string // of its working tree
	folder string // of the package, below top
	env    []string
}

// tree is one side of the comparison: files, the test binary made of them, and where they come from.
type tree struct {
	label  string // what the user called it
	commit string // hash; of the working tree: of its HEAD
	dirty  bool   // the working tree differs from commit
	folder string // of the package
	binary string
}

// openRepository finds it. pkg is the package's folder below the current one.
func openRepository(ctx context.Context, pkg string) (repository, error) {
	r := repository{env: cleanEnv(os.Environ())}
	out, err := execute(ctx, nil, "", r.env, "git", "rev-parse", "--show-toplevel", "--show-prefix")
	if err != nil {
		return r, err
	}
	top, rest, _ := strings.Cut(out, "\n")
	r.top, r.folder = top, filepath.Join(strings.TrimSuffix(rest, "\n"), pkg)
	if filepath.IsAbs(pkg) || !filepath.IsLocal(r.folder) {
		return r, fmt.Errorf("-pkg %s: not a folder below %s", pkg, top)
	}
	return r, nil
}

// cleanEnv drops what git sets for its hooks: a hook that calls this tool means the repository, not the index it is busy with.
func cleanEnv(env []string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(e string) bool {
		name, _, _ := strings.Cut(e, "=")
		return slices.Contains([]string{"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"}, name)
	})
}

func (r repository) git(ctx context.Context, args ...string) (string, error) {
	// No hook of the repository is meant for a checkout of a minute, and no command here should wait for, or hold, the index.
	args = append([]string{"--no-optional-locks", "-c", "core.hooksPath=/dev/null"}, args...)
	out, err := execute(ctx, nil, r.top, r.env, "git", args...)
	return strings.TrimSuffix(out, "\n"), err
}

// resolve gives the hash of a commit.
func (r repository) resolve(ctx context.Context, ref string) (string, error) {
	hash, err := r.git(ctx, "rev-parse", "--verify", "--quiet", ref+"^{commit}")
	if err != nil && ctx.Err() == nil {
		return "", fmt.Errorf("%q names no commit here", ref)
	}
	return hash, err
}

// workingTree is the user's own checkout, as it is.
func (r repository) workingTree(ctx context.Context) (tree, error) {
	hash, err := r.resolve(ctx, "HEAD")
	if err != nil {
		return tree{}, err
	}
	changes, err := r.git(ctx, "status", "--porcelain")
	t := tree{label: "working tree", commit: hash, dirty: changes != "", folder: filepath.Join(r.top, r.folder)}
	return t, err
}

// sameProgram reports whether both sides are the same: equal test binaries, and no difference that git sees between the package's
// folders, for what a benchmark reads from testdata is part of what it does.
func (r repository) sameProgram(ctx context.Context, old, new tree) (bool, error) {
	if equal, err := sameContent(old.binary, new.binary); err != nil || !equal {
		return false, err
	}
	args := []string{"diff", "--name-only", old.commit}
	if !new.dirty {
		args = append(args, new.commit)
	}
	changed, err := r.git(ctx, append(args, "--", r.folder)...)
	if err != nil || changed != "" || !new.dirty {
		return changed == "" && err == nil, err
	}
	untracked, err := r.git(ctx, "ls-files", "--others", "--exclude-standard", "--", r.folder)
	return untracked == "" && err == nil, err
}

// build makes the test binary. Paths are trimmed, so that the same source gives the same binary wherever it lies. The linker puts the
// functions into an order that layout decides, a positive number: where a hot loop lies in memory changes its time by several percent,
// and any edit anywhere moves it.
func (t *tree) build(ctx context.Context, env []string, binary string, layout int) error {
	if info, err := os.Stat(t.folder); err != nil || !info.IsDir() {
		return fmt.Errorf("%s has no such package: %s", t, t.folder)
	}
	_, err := execute(ctx, nil, t.folder, env, "go", "test", "-c", "-trimpath", "-buildvcs=false",
		"-ldflags=-s -w -randlayout="+strconv.Itoa(layout), "-o", binary, ".")
	if err != nil {
		if ctx.Err() != nil {
			return err
		}
		return fmt.Errorf("%s does not build: %w", t, err)
	}
	if _, err := os.Stat(binary); errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s has no tests in %s", t, t.folder)
	}
	t.binary = binary
	return nil
}

func (t tree) String() string {
	s := t.label
	if short := t.commit[:min(10, len(t.commit))]; short != s {
		s += " " + short
	}
	if t.dirty {
		s += " with changes"
	}
	return s
}

// sameContent compares two files.
func sameContent(a, b string) (bool, error) {
	x, err := os.ReadFile(a)
	if err != nil {
		return false, err
	}
	y, err := os.ReadFile(b)
	return bytes.Equal(x, y), err
}
