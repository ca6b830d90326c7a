// Package kerneltest tests the target with the Linux kernel's own initiator.
//
// It boots a Debian kernel with open-iscsi in qemu under software emulation, from an initramfs that it builds from Debian
// packages, and runs the cases in guest/cases against a target on the host's loopback. Each case is a Go subtest of
// TestKernelInitiator. docs/testing.md explains how to run one case and how to see the guest's console.
package kerneltest
