// Command conformcoverage writes docs/conform-coverage.md: which case of ringtgt conform tries which rule of the RFCs, and why no
// case tries the others.
//
//	go run ./tools/conformcoverage
package main

import (
	"fmt"
	"os"

	"github.com/ringtgt/ringtgt/internal/conform/cases"
	"github.com/ringtgt/ringtgt/internal/conform/rules"
)

func main() {
	all, err := rules.All()
	if err == nil {
		err = os.WriteFile("docs/conform-coverage.md", page(all, idsOf(all, cases.All()), nil), 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "conformcoverage:", err)
		os.Exit(1)
	}
}
