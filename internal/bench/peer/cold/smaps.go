package cold

import (
	"bufio"
	"bytes"
	"fmt"
)

// anonHuge returns the bytes of the line AnonHugePages of a smaps file (proc_pid_smaps(5)).
func anonHuge(smaps []byte) int64 {
	for s := bufio.NewScanner(bytes.NewReader(smaps)); s.Scan(); {
		var kib int64
		if n, _ := fmt.Sscanf(s.Text(), "AnonHugePages: %d kB", &kib); n == 1 {
			return kib << 10
		}
	}
	return 0
}
