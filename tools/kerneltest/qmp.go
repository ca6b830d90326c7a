package kerneltest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"time"
)

// monitor is a connection to qemu's machine protocol (QMP): one JSON object a line, asynchronous events in between.
type monitor struct {
	conn  net.Conn
	lines *bufio.Scanner
}

// dialMonitor connects to the monitor's Unix socket and leaves the negotiation mode.
func dialMonitor(path string) (*monitor, error) {
	conn, err := net.Dial("unix", path)
	if err != nil {
		return nil, err
	}
	m := &monitor{conn, bufio.NewScanner(conn)}
	if err := m.execute("qmp_capabilities", nil); err != nil {
		conn.Close()
		return nil, err
	}
	return m, nil
}

// execute runs one command and waits for its answer.
func (m *monitor) execute(command string, arguments map[string]any) error {
	request := map[string]any{"execute": command}
	if arguments != nil {
		request["arguments"] = arguments
	}
	line, err := json.Marshal(request)
	if err != nil {
		return err
	}
	if err := m.conn.SetDeadline(time.Now().Add(qmpLimit)); err != nil {
		return err
	}
	if _, err := m.conn.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("qemu monitor: %s: %w", command, err)
	}
	for m.lines.Scan() {
		var answer struct {
			Return json.RawMessage
			Error  *struct{ Class, Desc string }
		}
		if err := json.Unmarshal(m.lines.Bytes(), &answer); err != nil {
			return fmt.Errorf("qemu monitor: %w", err)
		}
		switch {
		case answer.Error != nil:
			return fmt.Errorf("qemu monitor: %s: %s: %s", command, answer.Error.Class, answer.Error.Desc)
		case answer.Return != nil:
			return nil
		} // else the greeting or an event
	}
	return fmt.Errorf("qemu monitor: %s: no answer: %v", command, m.lines.Err())
}

// setLink plugs the guest's network cable in or pulls it.
func (m *monitor) setLink(up bool) error {
	return m.execute("set_link", map[string]any{"name": nicName, "up": up})
}
