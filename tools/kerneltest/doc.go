// Package kerneltest checks the target with the Linux kernel's own initiator.
//
// It boots a Debian kernel with open-iscsi in qemu under software emulation, from an initramfs that it puts together out
// of Debian packages, and runs the cases in guest/cases against a target on the host's loopback. Each case is a Go
// subtest of TestKernelInitiator. docs/kernel-tests.md tells how to run one case and how to look at the guest's console.
package kerneltest
