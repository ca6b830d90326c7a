#!/bin/sh
# Runs every fuzz target of the module for the time given, one after the other, and says how many executions each had.
set -eu
# Ten tries to minimise an interesting input: the default, a minute of it, leaves no time to fuzz.
time=${1:-60s}
for pkg in $(go list ./...); do
	dir=$(go list -f '{{.Dir}}' "$pkg")
	for f in $(grep -hso '^func Fuzz[A-Za-z0-9_]*' "$dir"/*_test.go | sed 's/^func //' | sort -u); do
		echo "== $pkg $f"
		go test -run '^$' -fuzz "^$f\$" -fuzztime "$time" -fuzzminimizetime 10x "$pkg" | grep -v 'gathering\|baseline' | tail -3
	done
done
