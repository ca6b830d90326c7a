package kerneltest

import "time"

// caseSpec is a row of the table of cases: guest/cases/NAME.sh says what it checks.
type caseSpec struct {
	name  string
	limit time.Duration // 0: caseLimit
}

// cases run in this order in one guest. Each stands alone: it begins and ends with no session.
var cases = []caseSpec{
	{name: "discovery"},
	{name: "login"},
	{name: "two-luns"},
	{name: "smoke-sg"},
	{name: "logs"},
	{name: "compare-and-write"},
	{name: "files"},
	{name: "fio-verify"},
	{name: "large-io"},
	{name: "blocks-4096"},
	{name: "discard"},
	{name: "read-only"},
	{name: "reservations"},
	{name: "task-management"},
	{name: "access-list"},
	{name: "chap-required"},
	{name: "chap-oneway"},
	{name: "chap-oneway-wrong"},
	{name: "chap-mutual"},
	{name: "chap-mutual-wrong"},
	{name: "chap-sha1"},
	{name: "chap-sha256"},
	{name: "chap-sha3-256"},
	{name: "digest-none-none"},
	{name: "digest-crc32c-none"},
	{name: "digest-none-crc32c"},
	{name: "digest-crc32c-crc32c"},
	{name: "r2t-yes-immediate-yes"},
	{name: "r2t-yes-immediate-no"},
	{name: "r2t-no-immediate-yes"},
	{name: "r2t-no-immediate-no"},
	{name: "small-bursts"},
	{name: "boot"},
	{name: "keepalive"},
	{name: "live", limit: 2*liveLimit + 2*time.Minute},
	{name: "link-loss", limit: 180 * time.Second},
	{name: "target-stop", limit: 180 * time.Second},
	{name: "target-restart", limit: 180 * time.Second},
}
