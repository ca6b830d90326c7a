package harness

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
)

// program is the import path of the ringtgt command.
const program = "github.com/ringtgt/ringtgt/tools/ringtgt"

// built is the binary that this process has built. The tests of a package share it; Cleanup removes it.
var built struct {
	sync.Mutex
	dir, path string
	err       error
}

// BinaryEnv names an environment variable with the path of a ringtgt binary to use instead of building one: an installed
// release, or a build with other flags (-race, -cover).
const BinaryEnv = "RINGTGT_BINARY"

// Build compiles ringtgt into a temporary directory, once per process, and returns the path of the binary. It must run
// inside the module's directory, as every test and `go run` does.
func Build(ctx context.Context) (string, error) {
	if path := os.Getenv(BinaryEnv); path != "" {
		return path, nil
	}
	built.Lock()
	defer built.Unlock()
	if built.path != "" || built.err != nil {
		return built.path, built.err
	}
	dir, err := os.MkdirTemp("", "ringtgt-bin-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "ringtgt")
	out, err := exec.CommandContext(ctx, "go", "build", "-o", path, program).CombinedOutput()
	if err != nil {
		_ = os.RemoveAll(dir)
		built.err = fmt.Errorf("go build %s: %w\n%s", program, err, out)
		return "", built.err
	}
	built.dir, built.path = dir, path
	return path, nil
}

// Cleanup removes Build's binary. Call it at the end of TestMain or main.
func Cleanup() {
	built.Lock()
	defer built.Unlock()
	if built.dir != "" {
		_ = os.RemoveAll(built.dir)
		built.dir, built.path = "", ""
	}
}

// Main runs a package's tests and cleans up; TestMain calls it: func TestMain(m *testing.M) { harness.Main(m) }.
func Main(m interface{ Run() int }) {
	code := m.Run()
	Cleanup()
	os.Exit(code)
}
