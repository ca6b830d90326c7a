package run

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/bench/initiator"
	"github.com/ringtgt/ringtgt/bench/initiator/proto"
	"github.com/ringtgt/ringtgt/internal/bench/result"
	"github.com/ringtgt/ringtgt/pdu"
)

// quiet is a run of which there is nothing to say.
func quiet() *result.Run {
	return &result.Run{
		Elapsed: 10 * time.Second, Ended: "runtime", Client: result.Host{CPUs: 8, Load: [3]float64{1.5, 0, 0}},
		Total: result.Stats{Requests: 1000, IOPS: 100}, CPUs: []result.CPU{{User: 2 * time.Second, System: 6 * time.Second}},
	}
}

// Each note is there when its reason is, and not otherwise.
func TestNotes(t *testing.T) {
	late := new(initiator.Histogram)
	late.AddN(int64(5*time.Millisecond), 10)
	failed := &initiator.Report{Conns: []initiator.ConnReport{{Err: errors.New("initiator: status 0x02")}}}
	for _, c := range []struct {
		name   string
		o      Options
		change func(*result.Run)
		report *initiator.Report
		want   []string
	}{
		{"nothing", Options{}, func(*result.Run) {}, nil, nil},
		{"short", Options{}, func(r *result.Run) { r.Elapsed, r.CPUs = 900*time.Millisecond, nil }, nil, []string{"the run lasted 900ms: figures of less than 1s do not repeat"}},
		{"load", Options{}, func(r *result.Run) { r.Client.Load[0] = 2.5 }, nil, []string{"the load average was 2.50 before the run"}},
		{"client", Options{}, func(r *result.Run) {
			r.CPUs = append(r.CPUs, result.CPU{User: 4 * time.Second, System: 5500 * time.Millisecond})
		}, nil, []string{"client thread 1 was busy 95% of the time: the client was the bottleneck; more --cores give it more"}},
		{"errors", Options{}, func(r *result.Run) { r.Total.Errors = 1 }, failed, []string{"1 request failed: session 0, CID 0: status 0x02"}},
		{"busy", Options{}, func(r *result.Run) { r.Total.Busy = 3 }, nil, []string{"3 times a request was sent again after BUSY"}},
		{"kept", Options{Rate: 100}, func(*result.Run) {}, &initiator.Report{Lag: new(initiator.Histogram)}, nil},
		{"not kept", Options{Rate: 200, IODepth: 4}, func(*result.Run) {}, &initiator.Report{
			Lag: late, Held: 7, Loops: []initiator.LoopReport{{Read: initiator.Sum{Undone: 900}}},
		}, []string{
			"the schedule was not kept: 200 requests per second were due and 100 answered",
			"900 requests were due and never sent",
			"7 requests waited because --iodepth 4 were under way",
			"the client itself was late: 1% of the requests were given to their connection 5ms or more after they were due",
		}},
		{"seed of all", Options{RW: "randrw", Verify: true, Seed: 9}, func(*result.Run) {}, nil, []string{"addresses and data are of seed 9; --rw read --verify --seed 9 compares them again"}},
		{"seed of all, in order", Options{RW: "write", Verify: true, Seed: 9}, func(r *result.Run) { r.Ended = "size" }, nil, []string{"--rw read --verify --seed 9 compares"}},
		{"seed of some", Options{RW: "randwrite", Verify: true, Seed: 9}, func(r *result.Run) { r.Ended = "size" }, nil, []string{"addresses and data are of seed 9"}},
		{"seed that was given", Options{RW: "read", Verify: true, Seed: 9}, func(*result.Run) {}, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.o.URL = someURL
			p, err := c.o.check()
			if err != nil {
				t.Fatal(err)
			}
			r := quiet()
			c.change(r)
			if c.report == nil {
				c.report = &initiator.Report{}
			}
			p.notes(r, c.report, nil)
			if len(r.Notes) != len(c.want) {
				t.Fatalf("%q, want %q", r.Notes, c.want)
			}
			for i := range c.want {
				if !strings.HasPrefix(r.Notes[i], c.want[i]) && !strings.Contains(r.Notes[i], c.want[i]) {
					t.Errorf("%q, want %q", r.Notes[i], c.want[i])
				}
			}
			if c.name == "seed of some" && strings.Contains(r.Notes[0], "--verify") {
				t.Errorf("%q: not all of the range is of this seed", r.Notes[0])
			}
		})
	}
}

// A refusal is told in words, with the flag that would help.
func TestExplain(t *testing.T) {
	o := Options{URL: "iscsi://host-7%s3cret@127.0.0.1/iqn.2026-11.io.ringtgt:disk0", Digests: "both"}
	p, err := o.check()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		err  error
		want string
	}{
		{&initiator.KeyError{Key: "DataDigest", Value: "None", Offered: "CRC32C"}, "--digests both: the target does not grant it: DataDigest=None"},
		{&initiator.KeyError{Key: "MaxBurstLength", Value: "9", Offered: "8", Why: "not what the result function gives"}, "login: MaxBurstLength=9: not what"},
		{&initiator.LoginError{Status: pdu.LoginTargetMovedTemporarily, Address: "192.0.2.9:3260"}, "the target is elsewhere: 192.0.2.9:3260 (status 0x0101)"},
		{&initiator.LoginError{Status: pdu.LoginAuthenticationFailure}, "the secret is wrong"},
		{&initiator.LoginError{Status: pdu.LoginAuthorizationFailure}, "--initiator NAME sets its name (status 0x0202)"},
		{&initiator.LoginError{Status: pdu.LoginTooManyConnections}, "no more connections of a session"},
		{&initiator.LoginError{Status: pdu.LoginOutOfResources}, "cannot take another session now"},
		{&initiator.LoginError{Status: pdu.LoginUnsupportedVersion}, "login: refused (status 0x0205)"},
		{proto.ErrMutualCHAP, "the target failed to prove the mutual CHAP secret"},
		{errors.New("initiator: session 3: dial tcp: connection refused"), "session 3: dial tcp: connection refused"},
	} {
		got := p.explain(c.err).Error()
		if !strings.Contains(got, c.want) || strings.Contains(got, "s3cret") || strings.Contains(got, "initiator:") {
			t.Errorf("%v: %q, want %q", c.err, got, c.want)
		}
	}
}
