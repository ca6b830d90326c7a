package kerneltest

import (
	"bytes"
	"debug/elf"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// module is a kernel module file and what must be loaded before it.
type module struct {
	path string // on this machine
	info func() (needs []string, err error)
}

// moduleSet is the modules of one kernel by name, with '_' for '-' as the kernel writes names.
//
// Debian's kernel package ships no modules.dep: depmod writes it when the package is installed. So the needs are read
// from each module's .modinfo section, which is where depmod's soft dependencies come from as well.
type moduleSet struct {
	files   map[string]module
	builtin map[string]bool
}

// moduleName turns "kernel/fs/ext4/ext4.ko" or "crc32c-intel" into the kernel's name of the module.
func moduleName(path string) string {
	return strings.ReplaceAll(strings.TrimSuffix(filepath.Base(path), ".ko"), "-", "_")
}

// readModuleSet reads lib/modules/VERSION.
func readModuleSet(dir string) (*moduleSet, error) {
	set := &moduleSet{files: map[string]module{}, builtin: map[string]bool{}}
	builtin, err := os.ReadFile(filepath.Join(dir, "modules.builtin"))
	if err != nil {
		return nil, err
	}
	for _, line := range strings.Fields(string(builtin)) {
		set.builtin[moduleName(line)] = true
	}
	err = filepath.WalkDir(filepath.Join(dir, "kernel"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(path, ".ko") {
			set.files[moduleName(path)] = module{path, func() ([]string, error) { return readModuleNeeds(path) }}
		}
		return err
	})
	return set, err
}

// order gives the files to insert for the wanted modules, each after everything it needs.
func (s *moduleSet) order(wanted []string) ([]string, error) {
	const (
		visiting = 1
		done     = 2
	)
	state := map[string]int{}
	var paths []string
	var visit func(name, because string) error
	visit = func(name, because string) error {
		name = moduleName(name)
		if s.builtin[name] || state[name] == done {
			return nil
		}
		if state[name] == visiting {
			return fmt.Errorf("module %s needs itself, through %s", name, because)
		}
		file, ok := s.files[name]
		if !ok {
			return fmt.Errorf("module %s (for %s) is neither a file nor built in", name, because)
		}
		state[name] = visiting
		needs, err := file.info()
		if err != nil {
			return err
		}
		for _, need := range needs {
			if err := visit(need, name); err != nil {
				return err
			}
		}
		state[name] = done
		paths = append(paths, file.path)
		return nil
	}
	for _, name := range wanted {
		if err := visit(name, "the guest"); err != nil {
			return nil, err
		}
	}
	return paths, nil
}

// readModuleNeeds reads what a module file says it depends on.
func readModuleNeeds(path string) ([]string, error) {
	file, err := elf.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	defer file.Close()
	section := file.Section(".modinfo")
	if section == nil {
		return nil, fmt.Errorf("%s: no .modinfo section", path)
	}
	data, err := section.Data()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return moduleNeeds(data), nil
}

// moduleNeeds reads the "depends=a,b" entries of a .modinfo section: NUL-terminated strings, in any order. Soft
// dependencies name aliases ("pre: crc32c") that only modprobe can resolve; who wants one lists the module by name.
func moduleNeeds(modinfo []byte) []string {
	var needs []string
	for entry := range bytes.SplitSeq(modinfo, []byte{0}) {
		list, ok := bytes.CutPrefix(entry, []byte("depends="))
		if !ok {
			continue
		}
		for name := range strings.SplitSeq(string(list), ",") {
			if name != "" {
				needs = append(needs, name)
			}
		}
	}
	return needs
}
