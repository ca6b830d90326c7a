package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/state"
)

// source is where the configuration in force comes from.
type source struct {
	flags config.Flags
	file  *config.Config // the part of the flags and the file that they name
	owned *config.Config // the part that commands made; empty without a state directory
	cfg   *config.Config // both together
}

// load reads the configuration of serve. Set check if it will not be served: settings from the daemon's own environment may be
// missing. The source is nil if it cannot be served; the problems then include an error.
func load(f config.Flags, check bool) (*source, config.Problems) {
	file, problems := config.Read(f, check)
	if file == nil {
		return nil, problems
	}
	s := &source{flags: f, file: file, owned: &config.Config{}}
	if dir := file.Server.State; isDir(dir) {
		var more config.Problems
		s.owned, more = config.LoadOwned(ownedPath(dir), check)
		problems = append(problems, more...)
		if s.owned == nil {
			return nil, problems
		}
	}
	var more config.Problems
	s.cfg, more = config.Merge(file, s.owned)
	problems = append(problems, more...)
	if s.cfg == nil {
		return nil, problems
	}
	return s, problems
}

// confirm checks, once the state directory is locked, that the owned part is still what was read: another daemon may have saved
// changes and ended while this one waited for the lock. This one would overwrite them with its next change.
func (s *source) confirm(stateDir string) error {
	path := ownedPath(stateDir)
	now, problems := config.LoadOwned(path, false)
	if now == nil {
		return problems.Errors()
	}
	if !bytes.Equal(config.EncodeOwned(now, path), config.EncodeOwned(s.owned, path)) {
		return fmt.Errorf("%s changed while the daemon was starting: start it again", path)
	}
	return nil
}

// isDir reports whether a state directory is there. What else is wrong with it state.Open reports.
func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// ownedPath is the path of the part that commands made.
func ownedPath(stateDir string) string { return filepath.Join(stateDir, state.OwnedFile) }
