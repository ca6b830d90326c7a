// Package benchcompare tests run.sh, which `make bench-compare` runs: Go benchmarks of two commits, compared by benchstat.
package benchcompare
