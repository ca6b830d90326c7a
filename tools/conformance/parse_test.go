package main

import (
	"os"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
)

func testdata(t *testing.T, name string) string {
	t.Helper()
	text := must.Get(os.ReadFile("testdata/" + name))(t)
	return string(text)
}

func TestParseList(t *testing.T) {
	suites := parseList([]byte(testdata(t, "list.txt")))
	n := tool{suites: suites}.count()
	must.Be(t, len(suites) == 51 && n == 230, "%d suites, %d tests; version 1.19.0 has 51 and 230", len(suites), n)
	if s := suites[0]; s.name != "CompareAndWrite" || strings.Join(s.tests, " ") != "Simple DpoFua Miscompare Unwritten InvalidDataOutSize" {
		t.Errorf("first suite is %v", s)
	}
}

// The outputs under testdata are what the tool wrote against tgt; the snippets follow the same format.
func TestParseRun(t *testing.T) {
	tests := []struct {
		name     string
		suite    suite
		output   string
		timedOut bool
		exit     string
		want     map[string]result
	}{
		{
			name:   "a test that passes without doing anything is no pass",
			suite:  suite{"iSCSITMF", []string{"AbortTaskSimpleAsync", "LUNResetSimpleAsync"}},
			output: testdata(t, "itmf.txt"),
			want: map[string]result{
				"AbortTaskSimpleAsync": {outcome: passed},
				"LUNResetSimpleAsync":  {skipped, "passed without doing anything"},
			},
		},
		{
			name:   "assertions are counted and the clean-up's log behind them is not taken for one",
			suite:  suite{"iSCSIdatasn", []string{"iSCSIDataSnInvalid"}},
			output: testdata(t, "datasn.txt"),
			want: map[string]result{
				"iSCSIDataSnInvalid": {failed, "at test_iscsi_datasn_invalid.c:98 CU_ASSERT_NOT_EQUAL(ret,0) and 3 more"},
			},
		},
		{
			name:   "a skip is only told in the text",
			suite:  suite{"ReadOnly", []string{"ReadOnlySBC"}},
			output: testdata(t, "readonly.txt"),
			want: map[string]result{
				"ReadOnlySBC": {skipped, "Logical unit is not write-protected. Skipping test."},
			},
		},
		{
			name:     "the test that runs when the time is up hangs, those behind it were not run",
			suite:    suite{"PreventAllow", []string{"Simple", "Eject", "ITNexusLoss", "Logout", "WarmReset"}},
			output:   testdata(t, "preventallow-cut.txt"),
			timedOut: true,
			exit:     "signal: killed",
			want: map[string]result{
				"Simple": {outcome: passed},
				"Eject": {failed, "STARTSTOPUNIT successful but should have failed with " +
					"ILLEGAL_REQUEST(0x05)/SCSI_SENSE_ASCQ_MEDIUM_REMOVAL_PREVENTED(0x5302), at test_preventallow_eject.c:62 CU_ASSERT_EQUAL(_r,0)"},
				"ITNexusLoss": {outcome: passed},
				"Logout":      {hung, "no end within the suite's time; last: Logout from target"},
				"WarmReset":   {notRun, "the suite ended before it"},
			},
		},
		{
			name:   "a crash of the tool is a failure of the test that ran",
			suite:  suite{"S", []string{"A", "B"}},
			output: "\nSuite: S\n  Test: A ...\n    Send X\npassed\n  Test: B ...\n    Send Y\n",
			exit:   "signal: segmentation fault",
			want: map[string]result{
				"A": {outcome: passed},
				"B": {failed, "the tool ended in the middle of it (signal: segmentation fault); last: Send Y"},
			},
		},
		{
			name:   "no login, no test",
			suite:  suite{"S", []string{"A"}},
			output: "Login Failed. Target not found(515)\nFailed to connect to SCSI device 0\n",
			exit:   "exit status 255",
			want:   map[string]result{"A": {failed, "the tool did not start the suite: Failed to connect to SCSI device 0"}},
		},
		{
			name:     "a target that does not answer the login",
			suite:    suite{"S", []string{"A"}},
			output:   "",
			timedOut: true,
			want:     map[string]result{"A": {hung, "the tool hung before the suite; last: "}},
		},
		{
			name:   "a test that cannot log in again leaves early and passes",
			suite:  suite{"S", []string{"A"}},
			output: "\nSuite: S\n  Test: A ...\n    Send X\n    Failed to login to target\npassed\n\nRun Summary: ...\n",
			want:   map[string]result{"A": {failed, "it could not log in again and gave up"}},
		},
		{
			name:   "a helper that skips its part makes the test skipped, though it goes on",
			suite:  suite{"S", []string{"A"}},
			output: "\nSuite: S\n  Test: A ...\n    Send X\n    [SKIPPED] UNMAP is not implemented.\n    Send Z\npassed    Send PRIN\n\nRun Summary: ...\n",
			want:   map[string]result{"A": {skipped, "UNMAP is not implemented."}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := parseRun(tt.suite, tt.output, tt.timedOut, tt.exit)
			for test, want := range tt.want {
				check.That(t, got[test] == want, "%s: %v %q, want %v %q", test, got[test].outcome, got[test].why, want.outcome, want.why)
			}
			check.That(t, len(got) == len(tt.suite.tests), "%d results for %d tests", len(got), len(tt.suite.tests))
		})
	}
}
