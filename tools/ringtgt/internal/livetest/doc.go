// Package livetest tests a daemon that is changed while it runs, as a process of its own: many clients at once, kills at random
// moments, full file systems.
package livetest
