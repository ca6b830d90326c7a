package process

import "time"

// Every limit, with its reason.
const (
	// logTail is how many bytes of a child's output are kept: enough for a Go crash report with every goroutine.
	logTail = 1 << 20
	// readyInterval is the time between two attempts to reach a starting child. Each is one system call that fails at once.
	readyInterval = 5 * time.Millisecond
	// portTries is how many ports FreePort tries: another process may take one at any time.
	portTries = 20
	// portFirst and portCount are FreePort's ports: below the kernel's usual range for outgoing connections (32768), above what
	// services register.
	portFirst, portCount = 20000, 10000
)
