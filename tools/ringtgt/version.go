package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
)

type versionCmd struct{}

func (versionCmd) Run(s streams) error {
	fmt.Fprintln(s.out, versionLine())
	return nil
}

// versionLine is the output of ringtgt version and ringtgt --version.
func versionLine() string {
	return fmt.Sprintf("ringtgt %s %s %s/%s", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// version is the version that the Go toolchain recorded in the binary: the module's after go install ...@VERSION, the commit
// after a build in a checkout.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	if v != "" && v != "(devel)" {
		return v
	}
	out := "devel"
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			out += " " + s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			out += " with changes"
		}
	}
	return strings.TrimSpace(out)
}
