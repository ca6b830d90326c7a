package kerneltest

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// stanza is what we need of one entry of apt's package index.
type stanza struct {
	name, version string
	depends       []string // names; the first of alternatives
}

// parseStanzas reads the output of apt-cache show.
func parseStanzas(r io.Reader) ([]stanza, error) {
	var all []stanza
	var now stanza
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20) // a kernel's or library's dependencies make long lines
	for lines.Scan() {
		line := lines.Text()
		if line == "" {
			if now.name != "" {
				all = append(all, now)
			}
			now = stanza{}
			continue
		}
		key, value, _ := strings.Cut(line, ": ")
		switch key {
		case "Package":
			now.name = value
		case "Version":
			now.version = value
		case "Depends", "Pre-Depends":
			for clause := range strings.SplitSeq(value, ",") {
				first, _, _ := strings.Cut(clause, "|")
				name, _, _ := strings.Cut(strings.TrimSpace(first), " ")
				name, _, _ = strings.Cut(name, ":") // an architecture qualifier
				now.depends = append(now.depends, name)
			}
		}
	}
	if now.name != "" {
		all = append(all, now)
	}
	return all, lines.Err()
}

// closure gives the wanted packages and the libraries they depend on, sorted. Other dependencies (debconf, udev, python3)
// serve an installed system and are left out. linux-image-amd64 stands for the kernel package that it depends on.
func closure(wanted []string, show func(names []string) ([]stanza, error)) ([]string, error) {
	seen := map[string]bool{}
	var names []string
	for round := slices.Clone(wanted); len(round) > 0; {
		for _, name := range round {
			seen[name] = true
		}
		stanzas, err := show(round)
		if err != nil {
			return nil, err
		}
		if len(stanzas) != len(round) {
			return nil, fmt.Errorf("apt-cache knows %d of the packages %s: run apt-get update", len(stanzas), strings.Join(round, " "))
		}
		round = nil
		for _, s := range stanzas {
			if s.name != "linux-image-amd64" {
				names = append(names, s.name)
			}
			for _, need := range s.depends {
				take := strings.HasPrefix(need, "lib") || need == "zlib1g" || strings.HasPrefix(need, "linux-image-")
				if take && !seen[need] {
					seen[need] = true
					round = append(round, need)
				}
			}
		}
	}
	slices.Sort(names)
	return names, nil
}

// aptShow asks apt for the candidate versions of packages.
func aptShow(ctx context.Context) func(names []string) ([]stanza, error) {
	return func(names []string) ([]stanza, error) {
		out, err := run(ctx, "", "apt-cache", append([]string{"show", "--no-all-versions"}, names...)...)
		if err != nil {
			return nil, err
		}
		return parseStanzas(bytes.NewReader(out))
	}
}

// unpackPackages downloads the packages and their libraries into the folder debs and unpacks them into root. Nothing is
// installed on this machine.
func unpackPackages(ctx context.Context, wanted []string, debs, root string, log func(string, ...any)) error {
	download := func() error {
		names, err := closure(wanted, aptShow(ctx))
		if err != nil {
			return err
		}
		if err := os.RemoveAll(debs); err != nil { // versions of an earlier day
			return err
		}
		if err := os.MkdirAll(debs, 0o755); err != nil {
			return err
		}
		log("downloading %d Debian packages", len(names))
		// The sandbox user could not write to our folder; apt then warns and goes on as the caller.
		_, err = run(ctx, debs, "apt-get", append([]string{"download", "-q", "-o", "APT::Sandbox::User="}, names...)...)
		return err
	}
	if err := download(); err != nil {
		// The lists may be missing or too old for the mirror: fetch them once.
		log("package lists are missing or old (%v): apt-get update", err)
		if _, err := run(ctx, "", "apt-get", "update", "-q"); err != nil {
			return err
		}
		if err := download(); err != nil {
			return err
		}
	}
	files, err := filepath.Glob(filepath.Join(debs, "*.deb"))
	if err != nil {
		return err
	}
	log("unpacking %d Debian packages", len(files))
	if err := os.RemoveAll(root); err != nil {
		return err
	}
	for _, file := range files {
		if _, err := run(ctx, "", "dpkg", "-x", file, root); err != nil {
			return err
		}
	}
	return nil
}

// run runs a command to its end and gives its output; an error carries what it printed.
func run(ctx context.Context, dir, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s", cmd, err, bytes.TrimSpace(append(out, stderr.Bytes()...)))
	}
	return out, nil
}
