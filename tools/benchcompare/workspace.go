package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// workspace is the temporary folder of one comparison: worktrees and test binaries.
type workspace struct {
	repo      repository
	dir       string
	worktrees []string
}

func newWorkspace(repo repository) (*workspace, error) {
	dir, err := os.MkdirTemp("", "benchcompare-")
	return &workspace{repo: repo, dir: dir}, err
}

// tree gives one side: commit ref checked out into a worktree of its own, or the user's working tree for an empty ref. name is "old"
// or "new".
func (w *workspace) tree(ctx context.Context, name, ref string) (tree, error) {
	if ref == "" {
		return w.repo.workingTree(ctx)
	}
	hash, err := w.repo.resolve(ctx, ref)
	if err != nil {
		return tree{}, err
	}
	dir := filepath.Join(w.dir, name)
	// Neither adding nor removing is cut short by Ctrl-C: no tool cleans up a worktree that is registered in part.
	if _, err := w.repo.git(context.WithoutCancel(ctx), "worktree", "add", "--quiet", "--detach", dir, hash); err != nil {
		return tree{}, err
	}
	w.worktrees = append(w.worktrees, dir)
	return tree{label: ref, commit: hash, folder: filepath.Join(dir, w.repo.folder)}, nil
}

// build makes the test binaries of both sides, in the given layout of their functions.
func (w *workspace) build(ctx context.Context, old, new *tree, layout int) error {
	if err := old.build(ctx, w.repo.env, filepath.Join(w.dir, "old.test"), layout); err != nil {
		return err
	}
	return new.build(ctx, w.repo.env, filepath.Join(w.dir, "new.test"), layout)
}

// close removes all of it, also after an interruption, and says on warn what it could not remove.
func (w *workspace) close(ctx context.Context, warn io.Writer) {
	whole := context.WithoutCancel(ctx)
	for _, dir := range w.worktrees {
		if _, err := w.repo.git(whole, "worktree", "remove", "--force", dir); err != nil {
			fmt.Fprintf(warn, "benchcompare: a worktree is left over, try: git worktree remove --force %s\n%v\n", dir, err)
			return
		}
	}
	if err := os.RemoveAll(w.dir); err != nil {
		fmt.Fprintf(warn, "benchcompare: %v\n", err)
	}
}
