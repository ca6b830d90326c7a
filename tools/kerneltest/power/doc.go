// Package power is the part of the power loss test that needs no machine: the events that the workload puts into the logs of
// dm-log-writes, the bytes that it writes, the format of the logs, the power cuts that they allow, and the oracle that checks
// the disks after a cut. docs/testing.md describes the test. The folder guest has the program for the guest.
package power
