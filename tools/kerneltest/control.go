package kerneltest

import (
	"fmt"
	"strings"
)

// messageKind tells what a line on the control channel is.
type messageKind int

const (
	messageReady messageKind = iota // READY: the guest takes commands
	messageLog                      // LOG TEXT: progress of the running case
	messageHost                     // HOST VERB ARG...: the case asks the host to act
	messageCase                     // CASE NAME PASS|FAIL DETAIL: the case has ended
)

// message is one line that the guest sent.
type message struct {
	kind   messageKind
	name   string   // messageCase: the case; messageHost: the verb
	args   []string // messageHost
	passed bool     // messageCase
	text   string   // messageCase: the detail; messageLog: the text
}

// parseMessage reads one line of the control channel, without its line end.
func parseMessage(line string) (message, error) {
	line = strings.TrimRight(line, "\r\n")
	kind, rest, _ := strings.Cut(line, " ")
	switch kind {
	case "READY":
		if rest != "" {
			return message{}, fmt.Errorf("READY takes no argument: %q", line)
		}
		return message{kind: messageReady}, nil
	case "LOG":
		return message{kind: messageLog, text: rest}, nil
	case "HOST":
		fields := strings.Fields(rest)
		if len(fields) == 0 {
			return message{}, fmt.Errorf("HOST without a verb: %q", line)
		}
		return message{kind: messageHost, name: fields[0], args: fields[1:]}, nil
	case "CASE":
		name, rest, _ := strings.Cut(rest, " ")
		verdict, detail, _ := strings.Cut(rest, " ")
		if name == "" || (verdict != "PASS" && verdict != "FAIL") {
			return message{}, fmt.Errorf("CASE wants a name and PASS or FAIL: %q", line)
		}
		return message{kind: messageCase, name: name, passed: verdict == "PASS", text: detail}, nil
	}
	return message{}, fmt.Errorf("not a control line: %q", line)
}
