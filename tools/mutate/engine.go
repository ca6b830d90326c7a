package main

var engineMutants = []mutant{
	{"engine: every reset sweeps", "engine/sweep.go", "if s.sweepKey == k {", "if false {", "engine", "TestResetsShareASweep"},
}
