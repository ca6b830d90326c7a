// Command figures writes the generated figures of docs/performance.md. `make figures` runs it, on a quiet machine.
//
// A generated part of the page stands between two comments; the first has the command whose output it is:
//
//	<!-- figures: make -s bench -->
//	...
//	<!-- figures end -->
//
//	figures [-run REGEXP] [-page FILE]
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"regexp"
)

func main() {
	which := flag.String("run", "", "only parts whose commands match")
	page := flag.String("page", "docs/performance.md", "the page")
	flag.Parse()
	if err := rewrite(*page, *which, run); err != nil {
		fmt.Fprintln(os.Stderr, "figures:", err)
		os.Exit(1)
	}
}

// run returns what a command prints. Its exit code does not count: `make bench` fails where a requirement is not met, and that
// belongs on the page.
func run(command string) (string, error) {
	fmt.Fprintln(os.Stderr, command)
	c := exec.Command("sh", "-c", command)
	c.Stderr = os.Stderr
	out, err := c.Output()
	if len(bytes.TrimSpace(out)) == 0 {
		return "", fmt.Errorf("%s printed nothing: %v", command, err)
	}
	return string(out), nil
}

var part = regexp.MustCompile(`(?s)(<!-- figures: ([^\n]*) -->\n).*?(<!-- figures end -->\n)`)

// rewrite replaces the parts of a page whose commands match.
func rewrite(page, which string, run func(string) (string, error)) error {
	only, err := regexp.Compile(which)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	n := 0
	var failed error
	text = part.ReplaceAllFunc(text, func(old []byte) []byte {
		m := part.FindSubmatch(old)
		command := string(m[2])
		if failed != nil || !only.MatchString(command) {
			return old
		}
		out, err := run(command)
		if err != nil {
			failed = err
			return old
		}
		n++
		return []byte(string(m[1]) + format(out) + string(m[3]))
	})
	switch {
	case failed != nil:
		return failed
	case n == 0:
		return fmt.Errorf("%s has no part whose command matches %q", page, which)
	}
	return os.WriteFile(page, text, 0o644)
}
