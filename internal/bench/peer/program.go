package peer

import (
	"context"
	"os/exec"
	"strings"
)

// version returns the first line that a program says about itself, "" if it says nothing.
func version(ctx context.Context, program string, args ...string) string {
	out, err := exec.CommandContext(ctx, program, args...).Output()
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimSpace(line)
}
