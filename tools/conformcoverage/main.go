// Command conformcoverage writes docs/conform-coverage.md: which case of ringtgt conform tries which rule of the RFCs, and why no
// case tries the others.
//
//	go run ./tools/conformcoverage
package main

import (
	"fmt"
	"os"

	"github.com/ringtgt/ringtgt/internal/conform/astarget"
	"github.com/ringtgt/ringtgt/internal/conform/cases"
	"github.com/ringtgt/ringtgt/internal/conform/rules"
)

func main() {
	text, err := coverage()
	if err == nil {
		err = os.WriteFile("docs/conform-coverage.md", text, 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "conformcoverage:", err)
		os.Exit(1)
	}
}

// coverage is the page of the rules and cases in the tree.
func coverage() ([]byte, error) {
	all, err := rules.All()
	if err != nil {
		return nil, err
	}
	checks, err := astarget.Checks()
	if err != nil {
		return nil, err
	}
	return page(all, idsOf(all, cases.All()), idsOf(all, checks)), nil
}
