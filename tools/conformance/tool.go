package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
)

// toolName and toolPackage name what must be installed.
const (
	toolName    = "iscsi-test-cu"
	toolPackage = "libiscsi-bin"
	// family is the tool's list that has every test once; the others (SCSI, iSCSI, LINUX) are parts of it.
	family = "ALL"
)

// suite is a suite of the tool with its tests, in the tool's order.
type suite struct {
	name  string
	tests []string
}

// tool is an installed iscsi-test-cu.
type tool struct {
	path    string
	version string // of the Debian package, "" when dpkg cannot tell
	suites  []suite
}

func (t tool) count() int {
	n := 0
	for _, s := range t.suites {
		n += len(s.tests)
	}
	return n
}

// findTool looks for iscsi-test-cu and asks it for its tests.
func findTool(ctx context.Context) (tool, error) {
	path, err := exec.LookPath(toolName)
	if err != nil {
		return tool{}, fmt.Errorf("%s is missing: install the Debian package %s", toolName, toolPackage)
	}
	out, err := exec.CommandContext(ctx, path, "--list").Output()
	if err != nil {
		return tool{}, fmt.Errorf("%s --list: %w", toolName, err)
	}
	t := tool{path: path, suites: parseList(out)}
	if t.count() == 0 {
		return tool{}, fmt.Errorf("%s --list names no test of family %s", toolName, family)
	}
	if v, err := exec.CommandContext(ctx, "dpkg-query", "-W", "-f", "${Version}", toolPackage).Output(); err == nil {
		t.version = string(bytes.TrimSpace(v))
	}
	return t, nil
}

// parseList reads the output of --list: a line FAMILY, FAMILY.SUITE or FAMILY.SUITE.TEST each.
func parseList(out []byte) []suite {
	var suites []suite
	sc := bufio.NewScanner(bytes.NewReader(out))
	for sc.Scan() {
		part := strings.SplitN(strings.TrimSpace(sc.Text()), ".", 3)
		if part[0] != family {
			continue
		}
		switch len(part) {
		case 2:
			suites = append(suites, suite{name: part[1]})
		case 3:
			last := &suites[len(suites)-1]
			last.tests = append(last.tests, part[2])
		}
	}
	return suites
}
