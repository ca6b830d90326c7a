package main

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/dustin/go-humanize/english"
	"github.com/ringtgt/ringtgt/engine"
)

// printConnections writes a block for each session, in the order of their TSIHs, with a line for each of its connections.
// Connections that are in no session yet come last.
func printConnections(w io.Writer, conns []engine.ConnStatus) {
	if len(conns) == 0 {
		fmt.Fprintln(w, "\nNo connections")
		return
	}
	conns = slices.Clone(conns)
	slices.SortStableFunc(conns, func(a, b engine.ConnStatus) int {
		return cmp.Or(compareSessions(a, b), cmp.Compare(a.CID, b.CID))
	})
	// Align all connection lines together, then insert the sessions' lines between them.
	var table bytes.Buffer
	t := tabwriter.NewWriter(&table, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "    CID\tLOOP\tCPU\tRECEIVE CPU\tTASKS\tREMOTE\tLOCAL\tSINCE\tPLACEMENT")
	for _, c := range conns {
		cid := "-"
		if inSession(c) {
			cid = strconv.Itoa(int(c.CID))
		}
		fmt.Fprintf(t, "    %s\t%d\t%s\t%s\t%d\t%s\t%s\t%s\t%s\n",
			cid, c.Loop, cpuText(c.Core), receiveText(c.ReceiveCPU), c.Tasks, c.Remote, c.Local, ago(c.Since), c.Placement)
	}
	t.Flush()
	lines := strings.SplitAfter(table.String(), "\n")
	fmt.Fprintf(w, "\nConnections\n%s", lines[0])
	for i, c := range conns {
		if i == 0 || compareSessions(conns[i-1], c) != 0 {
			n := 1
			for i+n < len(conns) && compareSessions(c, conns[i+n]) == 0 {
				n++
			}
			fmt.Fprintf(w, "  %s, %s\n", sessionText(c), english.Plural(n, "connection", ""))
		}
		io.WriteString(w, lines[i+1])
	}
}

// inSession reports whether the connection has joined a session.
func inSession(c engine.ConnStatus) bool { return c.State != "login" }

// compareSessions returns 0 for connections of one session. A TSIH is unique in the node; the other keys make the order total even
// if the loops were read at different moments.
func compareSessions(a, b engine.ConnStatus) int {
	if x, y := inSession(a), inSession(b); x != y {
		if x {
			return -1
		}
		return 1
	}
	return cmp.Or(cmp.Compare(a.TSIH, b.TSIH), cmp.Compare(a.Initiator, b.Initiator), cmp.Compare(a.ISID, b.ISID),
		cmp.Compare(a.Target, b.Target))
}

func sessionText(c engine.ConnStatus) string {
	switch {
	case !inSession(c):
		return "logging in"
	case c.Target == "":
		return fmt.Sprintf("TSIH %d, %s: %s", c.TSIH, c.State, c.Initiator)
	}
	return fmt.Sprintf("TSIH %d, %s: %s (ISID %s) at %s", c.TSIH, c.State, c.Initiator, c.ISID, c.Target)
}

// receiveText returns the CPU that last processed a connection's packets.
func receiveText(cpu int) string {
	if cpu < 0 {
		return "-"
	}
	return strconv.Itoa(cpu)
}
