package kerneltest

import (
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// tree is the unpacked packages. Its symbolic links are read as if it were the root: an absolute one never leaves it.
type tree string

// resolve gives the real path on this machine of a file in the tree.
func (r tree) resolve(name string) (string, error) {
	// path is what has been walked already (free of links), rest what is still to come.
	path, rest := "/", strings.Split(filepath.Clean("/"+name), "/")
	for links := 0; len(rest) > 0; {
		part := rest[0]
		rest = rest[1:]
		if part == "" {
			continue
		}
		next := filepath.Join(path, part) // Clean: ".." at the root stays there
		info, err := os.Lstat(filepath.Join(string(r), next))
		if err != nil {
			return "", err
		}
		if info.Mode()&os.ModeSymlink == 0 {
			path = next
			continue
		}
		if links++; links > maxSymlinks {
			return "", fmt.Errorf("%s: too many symbolic links", name)
		}
		target, err := os.Readlink(filepath.Join(string(r), next))
		if err != nil {
			return "", err
		}
		if filepath.IsAbs(target) {
			path = "/"
		}
		rest = append(strings.Split(target, "/"), rest...)
	}
	return filepath.Join(string(r), path), nil
}

// find gives the first of the directories' files with that name.
func (r tree) find(name string, dirs []string) (string, error) {
	for _, dir := range dirs {
		if path, err := r.resolve(filepath.Join(dir, name)); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s is in no unpacked package (looked in %s)", name, strings.Join(dirs, ", "))
}

// Where Debian's packages put programs and libraries; some libraries lie one folder deeper and are found by DT_RUNPATH.
var (
	programDirs = []string{"usr/sbin", "usr/bin", "sbin", "bin"}
	libraryDirs = []string{"lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu", "lib64", "lib", "usr/lib"}
)

// libraries gives the shared objects that the programs need, directly or through each other, by soname, with their real
// paths: what ldd would print if it ran in the tree. The host's own libraries are never looked at.
func (r tree) libraries(programs []string) (map[string]string, error) {
	found := map[string]string{}
	queue := slices.Clone(programs)
	for len(queue) > 0 {
		path := queue[0]
		queue = queue[1:]
		needs, dirs, err := elfNeeds(path)
		if err != nil {
			return nil, err
		}
		for _, soname := range needs {
			if _, ok := found[soname]; ok {
				continue
			}
			library, err := r.find(soname, append(dirs, libraryDirs...))
			if err != nil {
				return nil, fmt.Errorf("%s needs %w", path, err)
			}
			found[soname] = library
			queue = append(queue, library)
		}
	}
	return found, nil
}

// elfNeeds reads a program's or library's DT_NEEDED entries and its DT_RUNPATH folders.
func elfNeeds(path string) (needs, dirs []string, err error) {
	file, err := elf.Open(path)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	defer file.Close()
	if needs, err = file.ImportedLibraries(); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	runpath, err := file.DynString(elf.DT_RUNPATH)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	for _, list := range runpath {
		dirs = append(dirs, strings.Split(list, ":")...)
	}
	return needs, dirs, nil
}
