package backend

// Every limit of the backends, with its reason.
const (
	// maxSize keeps every byte offset, and the sum of two, inside an int64.
	maxSize = 1 << 62
	// zeroChunk is the size of the shared buffer of zeroes that is written where the kernel cannot zero a range: large
	// enough that the medium is the bottleneck, not the number of calls, and within one command's share of a loop.
	zeroChunk = 1 << 20
	// inlineZero is how much memory is cleared on the loop itself, about 0.1 ms; more is left to a helper goroutine.
	inlineZero = 1 << 20
	// maxRetries bounds how often one step of a request is repeated when the kernel returns EAGAIN or EINTR, or transfers less
	// than the alignment with which O_DIRECT could continue. After that the request fails.
	maxRetries = 16
	// maxSearch and searchFor (milliseconds) bound the search for the bad block of a failed read: halving 4 MiB down to 512
	// bytes takes 13 reads that fail and up to 13 that succeed, and initiators wait 30 s.
	maxSearch = 64
	searchFor = 3000
	// lookEvery is how often writes check whether their file became shorter, in nanoseconds. For that long, a write beyond the
	// new end may be accepted. A check is a system call of some tenths of a microsecond: well below a thousandth of a core for
	// each file that is written.
	lookEvery = 1_000_000
	// nullRegion is the size of the zeroes that a null unit returns: the longest read (lun.MaxTransfer).
	nullRegion = 4 << 20
)
