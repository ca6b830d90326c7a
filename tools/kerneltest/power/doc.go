// Package power is what the power loss test knows without a machine: the events that the workload puts into the logs of
// dm-log-writes, the bytes that it writes, the format of these logs, the cuts of power that they allow, and the judgement of
// what is found after a cut. docs/kernel-tests.md describes the test; the folder guest has the program that runs in the guest.
package power
