package main

// phase is a part of make test: a go test of some packages, or a command of another kind.
type phase struct {
	name, title string
	command     []string // not a go test
	dir         string   // where it runs, from the repository's root
	flags       []string // of go test
	packages    []string // patterns
	without     []string // packages that match packages and are left to another phase
	verbose     bool     // output is shown as it comes: one long test
	env         []string
}

// phases are all there are, in the order in which make test runs them.
var phases = []phase{
	{name: "lint", title: "gofmt, go vet", command: []string{"make", "--no-print-directory", "lint"}},
	{name: "unit", title: "unit tests, simulation", packages: []string{"./..."},
		without: []string{"tools/conformance", "tools/clients"}},
	{name: "giouring", title: "engine/giouring", dir: "engine/giouring", packages: []string{"./..."}},
	{name: "race", title: "race detector: packages that share memory between loops", flags: []string{"-race", "-short"},
		packages: []string{"./session/...", "./lun/...", "./engine", "./bench/initiator/...", "./bench/run", "./bench/compare", "./tools/ringtgt/..."}},
	// Both wait more than they compute.
	{name: "daemon", title: "the daemon with real clients on loopback, and iscsi-test-cu", flags: []string{"-count=1", "-timeout", "12m"},
		packages: []string{"./tools/clients", "./tools/conformance"}},
	{name: "clients", title: "real clients on loopback", flags: []string{"-count=1", "-timeout", "10m"}, packages: []string{"./tools/clients"}},
	{name: "conformance", title: "iscsi-test-cu", flags: []string{"-count=1", "-timeout", "10m"}, packages: []string{"./tools/conformance"}},
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
