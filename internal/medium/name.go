package medium

import (
	"path/filepath"
	"slices"
	"strings"
)

// Name returns path made absolute, with its links kept: they were made on purpose. Unlike filepath.Abs it does not resolve a ..
// after a link lexically.
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

// Real returns the path without links of what is at path or would be created there.
func Real(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return Name(real)
	}
	if dir, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
		return Name(filepath.Join(dir, filepath.Base(path)))
	}
	return Name(path)
}
