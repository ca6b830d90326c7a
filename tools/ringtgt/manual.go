package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/alecthomas/kong"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/clidoc"
)

// completionCmd is `ringtgt completion`.
type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

func (c *completionCmd) Run(s streams, k *kong.Kong) error {
	text := map[string]func(*kong.Application) string{"bash": clidoc.Bash, "zsh": clidoc.Zsh, "fish": clidoc.Fish}[c.Shell](k.Model)
	_, err := fmt.Fprint(s.out, text)
	return err
}

// manCmd is `ringtgt man`, which packages use: it writes a manual page for every command.
type manCmd struct {
	Dir string `arg:"" help:"Directory for the pages; it is created." placeholder:"DIR"`
}

func (c *manCmd) Run(k *kong.Kong) error {
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return fail(exitStart, err)
	}
	for _, p := range clidoc.Man(k.Model, version(), []string{"ringtgt.toml(5)", "https://github.com/ringtgt/ringtgt"}) {
		if err := os.WriteFile(filepath.Join(c.Dir, p.Name), []byte(p.Text), 0o644); err != nil {
			return fail(exitStart, err)
		}
	}
	return nil
}
