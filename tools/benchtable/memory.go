package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// memory is what connections take, in user space and in the kernel.
type memory struct {
	resident int64 // bytes, VmRSS of the target (proc_pid_status(5))
	tcpBytes int64 // of socket buffers of the whole network namespace (/proc/net/sockstat: TCP mem, in pages)
	sockets  int64 // TCP sockets in use
}

func memoryOf(pid int) (m memory, err error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return m, err
	}
	if m.resident, err = resident(string(status)); err != nil {
		return m, err
	}
	stat, err := os.ReadFile("/proc/net/sockstat")
	if err != nil {
		return m, err
	}
	m.sockets, m.tcpBytes = tcpMemory(string(stat), int64(os.Getpagesize()))
	return m, nil
}

func resident(status string) (int64, error) {
	for line := range strings.Lines(status) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("no VmRSS in the status of the process")
}

// tcpMemory reads "TCP: inuse 5 orphan 0 tw 0 alloc 7 mem 1".
func tcpMemory(sockstat string, page int64) (sockets, bytes int64) {
	for line := range strings.Lines(sockstat) {
		f := strings.Fields(line)
		if len(f) == 0 || f[0] != "TCP:" {
			continue
		}
		for i := 1; i+1 < len(f); i += 2 {
			v, _ := strconv.ParseInt(f[i+1], 10, 64)
			switch f[i] {
			case "inuse":
				sockets = v
			case "mem":
				bytes = v * page
			}
		}
	}
	return sockets, bytes
}
