package medium

import (
	"path/filepath"
	"slices"
	"strings"
)

// Name is path as it was written, made absolute. Links in it are kept: they are somebody's choice. It differs from
// filepath.Abs where that would take a .. behind a link for the folder before it.
func Name(path string) string {
	if slices.Contains(strings.Split(path, "/"), "..") {
		if dir, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
			path = filepath.Join(dir, filepath.Base(path))
		}
	}
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// Real is the path without links of what is at path, or would be made there.
func Real(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return Name(real)
	}
	if dir, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
		return Name(filepath.Join(dir, filepath.Base(path)))
	}
	return Name(path)
}
