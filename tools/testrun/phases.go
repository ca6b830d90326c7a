package main

// phase is a part of make test: a go test of some packages, or a command of another kind.
type phase struct {
	name, title string
	command     []string // instead of go test
	dir         string   // working directory, relative to the repository's root
	flags       []string // for go test
	packages    []string // package patterns
	without     []string // patterns of packages that belong to another phase
	skip        []string // tests whose names begin so, left to another phase
	alone       bool     // no other phase runs beside it
	verbose     bool     // show the output as it comes, for a long test
	env         []string
}

// oneGoroutine names costly tests of the race phase's packages in which one goroutine runs at a time (a luntest.World, a
// simulated kernel or scheduler, seeds of a fuzz target), or that are about the output of a command: the race detector sees
// nothing in them, and makes them five to twenty times slower. The unit phase runs them all.
var oneGoroutine = []string{
	"TestCopyMovesBlocks", "TestCopyGivenUp", "TestGateOrders", "TestVerify", "TestWriteAndVerify", "TestWriteSamePieces", // lun
	"FuzzCDB", "FuzzCopy",
	"TestModel",                                        // lun/backend
	"TestWindowInterleavings", "TestWindowPlantedBugs", // session
	"TestBenchScripts", // tools/ringtgt; bench/... has tests of its own in the race phase
}

// phases lists all phases. make test runs the daemon phase, which mostly waits, beside the race phase, which computes.
var phases = []phase{
	// Alone: it fills the build cache for the others.
	{name: "lint", title: "gofmt, go vet", alone: true, command: []string{"make", "--no-print-directory", "lint"}},
	{name: "unit", title: "unit tests, simulation", packages: []string{"./..."},
		without: []string{"tools/conformance", "tools/clients", "tools/package", "internal/livetest"}},
	{name: "race", title: "race detector: packages that share memory between loops", flags: []string{"-race", "-short"}, skip: oneGoroutine,
		packages: []string{"./session/...", "./lun/...", "./engine", "./bench/initiator/...", "./internal/bench/run", "./internal/bench/compare", "./tools/ringtgt/..."},
		without:  []string{"internal/livetest"}},
	{name: "upstream", title: "engine/giouring compared with the module whose names it keeps", packages: []string{"./engine/giouring"},
		flags: []string{"-tags", "upstream", "-ldflags=-checklinkname=0", "-run", "Upstream"}},
	{name: "daemon", title: "the daemon with real clients on loopback, and iscsi-test-cu", flags: []string{"-count=1", "-timeout", "12m"},
		packages: []string{"./tools/clients", "./tools/ringtgt/internal/livetest", "./tools/conformance"}},
	{name: "clients", title: "real clients on loopback", flags: []string{"-count=1", "-timeout", "10m"}, packages: []string{"./tools/clients"}},
	{name: "conformance", title: "iscsi-test-cu", flags: []string{"-count=1", "-timeout", "10m"}, packages: []string{"./tools/conformance"}},
	{name: "package", title: "packages in a Debian of their own, manual, completion, sandbox, container", flags: []string{"-count=1", "-timeout", "20m"},
		packages: []string{"./tools/package"}},
	{name: "kernel", title: "the Linux kernel's initiator in an emulated machine, and cuts of power", verbose: true,
		flags: []string{"-count=1", "-timeout", "40m"}, packages: []string{"./tools/kerneltest"}, env: []string{"RINGTGT_KERNEL=1"}},
}

func find(name string) (phase, bool) {
	for _, p := range phases {
		if p.name == name {
			return p, true
		}
	}
	return phase{}, false
}

func names() (all []string) {
	for _, p := range phases {
		all = append(all, p.name)
	}
	return all
}
