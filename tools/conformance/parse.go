package main

import (
	"fmt"
	"strings"
)

// outcome of one test on one kind of LUN.
type outcome int

const (
	// notRun: the tool never reached it (it is excluded on this kind, or the suite ended before).
	notRun outcome = iota
	passed
	// skipped: the tool counts it as passed, but its output shows "[SKIPPED]" because the target lacks something, or the test
	// passed without doing anything at all.
	skipped
	failed
	// hung: it was running when the suite's time was up.
	hung
)

func (o outcome) String() string {
	return [...]string{"not run", "passed", "skipped", "failed", "hung"}[o]
}

// result is what one test did, with the reason in the tool's own words where there is one.
type result struct {
	outcome outcome
	why     string
}

// parseRun reads what iscsi-test-cu -V wrote while it ran one suite and returns the result of each test of the suite.
// timedOut is set if the process was killed at its time limit; exit is how it ended ("" for a normal exit).
//
// CUnit prints "  Test: NAME ..." , then the test's own lines follow indented by four spaces, then "passed" or "FAILED" at the
// start of a line (or right behind the dots, when the test printed nothing), then the failed assertions, numbered.
func parseRun(s suite, output string, timedOut bool, exit string) map[string]result {
	results := make(map[string]result, len(s.tests))
	for _, t := range s.tests {
		results[t] = result{outcome: notRun, why: "the suite ended before it"}
	}
	var cur *testBody
	finish := func() {
		if cur != nil {
			results[cur.name] = cur.result()
			cur = nil
		}
	}
	for _, line := range strings.Split(output, "\n") {
		if rest, ok := strings.CutPrefix(line, "  Test: "); ok {
			finish()
			name, after, _ := strings.Cut(rest, " ...")
			cur = &testBody{name: name}
			line = after
		} else if strings.HasPrefix(line, "Run Summary:") {
			finish()
		}
		if cur != nil {
			cur.line(line)
		}
	}
	if cur != nil && cur.verdict == "" { // still running when the process ended
		switch {
		case timedOut:
			results[cur.name] = result{hung, "no end within the suite's time; last: " + cur.last}
		default:
			results[cur.name] = result{failed, fmt.Sprintf("the tool ended in the middle of it (%s); last: %s", exit, cur.last)}
		}
	} else {
		finish()
	}
	if !strings.Contains(output, "\nSuite: ") { // the tool never came to run tests
		for _, t := range s.tests {
			o, why := failed, "the tool did not start the suite: "+lastLine(output)
			if timedOut {
				o, why = hung, "the tool hung before the suite; last: "+lastLine(output)
			}
			results[t] = result{o, why}
		}
	}
	return results
}

// loginFailed is what a test prints before it returns early, and passes, because its second login did not work.
const loginFailed = "Failed to login to target"

// testBody collects the lines of one test.
type testBody struct {
	name    string
	verdict string // "passed", "FAILED" or "" so far
	lines   int    // of the test's own, before the verdict
	skip    string // first "[SKIPPED]" line
	fail    string // first "[FAILED]" line
	lost    bool   // it could not log in again, and then it leaves as if all were well
	asserts []string
	last    string
}

func (b *testBody) line(line string) {
	text := strings.TrimSpace(line)
	if text == "" {
		return
	}
	if b.verdict == "" {
		for _, v := range []string{"passed", "FAILED"} {
			if strings.HasPrefix(line, v) {
				b.verdict = v
				return
			}
		}
		b.lines++
		b.last = text
		if strings.Contains(text, "[SKIPPED]") && b.skip == "" {
			b.skip = text
		}
		if strings.Contains(text, "[FAILED]") && b.fail == "" {
			b.fail = text
		}
		b.lost = b.lost || strings.Contains(text, loginFailed)
		return
	}
	if num, rest, ok := strings.Cut(text, ". "); ok && b.verdict == "FAILED" && isNumber(num) {
		// what the suite's clean-up logs follows the last assertion on the same line
		assert, _, _ := strings.Cut(rest, "    ")
		b.asserts = append(b.asserts, strings.ReplaceAll(assert, "  - ", " "))
	}
}

func (b *testBody) result() result {
	switch {
	case b.verdict == "FAILED":
		why := strings.TrimSpace(strings.TrimPrefix(b.fail, "[FAILED]"))
		if n := len(b.asserts); n > 0 {
			why = strings.TrimPrefix(why+", at "+b.asserts[0], ", ")
			if n > 1 {
				why += fmt.Sprintf(" and %d more", n-1)
			}
		}
		return result{failed, why}
	case b.verdict == "":
		return result{failed, "no verdict; last: " + b.last}
	case b.lost:
		return result{failed, "it could not log in again and gave up"}
	case b.skip != "":
		return result{skipped, strings.TrimSpace(strings.TrimPrefix(b.skip, "[SKIPPED]"))}
	case b.lines == 0:
		return result{skipped, "passed without doing anything"}
	}
	return result{outcome: passed}
}

func isNumber(s string) bool {
	for _, c := range s {
		if c < '0' || c > '9' {
			return false
		}
	}
	return s != ""
}

func lastLine(output string) string {
	lines := strings.Split(strings.TrimSpace(output), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}
