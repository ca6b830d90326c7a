package uring

import "time"

// Limits, each with its reason. The kernel's own are quoted from io_uring/ of Linux 6.18.
const (
	// MaxEntries is IORING_MAX_ENTRIES, MaxCQEntries IORING_MAX_CQ_ENTRIES.
	MaxEntries   = 32768
	MaxCQEntries = 2 * MaxEntries

	// DefaultEntries holds the submissions of one turn: a few for each of some hundred connections and disk requests.
	// More are submitted in the middle of the turn.
	DefaultEntries = 1024

	// DefaultCQEntries holds the completions of one turn. The kernel keeps completions that do not fit (IORING_FEAT_NODROP),
	// but ends multishot requests then, so the queue is large: 64 KiB.
	DefaultCQEntries = 4096

	// MaxBuffers is the largest buffer ring, whose indices are 16 bits.
	MaxBuffers = 1 << 15

	// MaxSlabs is IORING_MAX_REG_BUFFERS.
	MaxSlabs = 1 << 14

	// MaxSlabBytes is the largest registered buffer (io_uring_validate_buf: SZ_1G).
	MaxSlabBytes = 1 << 30

	// MaxFiles is IORING_MAX_FIXED_FILES. RLIMIT_NOFILE bounds a table too.
	MaxFiles = 1 << 20

	// MaxTransfer is MAX_RW_COUNT for 4 KiB pages: no read or write moves more.
	MaxTransfer = 0x7ffff000

	// maxMapBytes catches a wrong size before the kernel reserves address space for it: it is more than any node's memory.
	maxMapBytes = 1 << 46

	// hugeBytes is a huge page of the machines served; a mapping this large asks for them.
	hugeBytes = 2 << 20

	// closeRounds bounds the rounds of cancelling in Close: a round cancels everything that can be cancelled, so the second
	// finds nothing unless a completion started more.
	closeRounds = 8

	// closeWait bounds how long a round waits for operations that a worker is executing.
	closeWait = 100 * time.Millisecond

	// maxRawEntries is how many entries are submitted in a system call that bypasses Go's scheduler. Submitting sends data and
	// starts disk requests, microseconds each, and until the call returns no garbage collection can start: for more than a few
	// entries, the 50 ns that the scheduler costs are the lesser evil.
	maxRawEntries = 16

	// retryEnters bounds the immediate retries when the queue is full and the kernel has no memory to accept entries.
	retryEnters = 1000
)
