package lun

// Every limit of the device server, with its reason.
const (
	// MaxLoops bounds per-loop counters: one loop per physical core, and no storage node has more.
	MaxLoops = 256
	// MaxLUNs is the number of logical units of a target: flat addressing reaches 16384, single-level peripheral
	// addressing 256; 256 keeps REPORT LUNS within one 4 KiB answer.
	MaxLUNs = 256
	// MaxTransfer is the MAXIMUM TRANSFER LENGTH of VPD page B0 in bytes, and so the largest buffer of a task: ESXi and
	// Linux split larger I/O, and 4 MiB is the largest block of a loop's arena.
	MaxTransfer = 4 << 20
	// MaxParam bounds the buffer of a command that returns parameter data under an ALLOCATION LENGTH (INQUIRY, MODE
	// SENSE, PERSISTENT RESERVE IN ...), and of one that takes a parameter list: no list here is longer.
	MaxParam = 64 << 10
	// SenseSize holds sense data of either format (SPC-4 4.5): 18 bytes fixed; descriptor format with an information
	// and a sense key specific descriptor is 28.
	SenseSize = 32

	// maxSerial bounds a configured serial number: a designator of page 83h has room for 255 bytes, eight of them the vendor.
	maxSerial = 128

	// lossWindow is how long, in ns from the first report, a loss is reported to an I_T nexus again: longer than initiators
	// retry a failed command, shorter than a person takes to repair a file system.
	lossWindow = 10e9

	// maxSeenPorts bounds the names of initiator ports kept to tell a first login (POWER ON) from a later one (I_T NEXUS LOSS),
	// because peers choose them. Beyond it a port counts as new: POWER ON implies a nexus loss.
	maxSeenPorts = 4096

	// maxCompare is MAXIMUM COMPARE AND WRITE LENGTH in blocks: the NUMBER OF LOGICAL BLOCKS field has 8 bits.
	maxCompare = 255
	// maxUnmapBlocks is MAXIMUM UNMAP LBA COUNT: 512 MiB of 512-byte blocks is a fraction of a second on any medium, and
	// initiators split what is larger.
	maxUnmapBlocks = 1 << 20
	// maxUnmapDescriptors is MAXIMUM UNMAP BLOCK DESCRIPTOR COUNT: a list of one 4 KiB page.
	maxUnmapDescriptors = 256
	// maxLBAExtents bounds the answer of GET LBA STATUS: 4 KiB. The initiator continues from its end.
	maxLBAExtents = 255
	// maxAtomic is MAXIMUM ATOMIC TRANSFER LENGTH in blocks where the backend promises at least as much.
	maxAtomic = 512
	// atomicUnit is ATOMIC ALIGNMENT and GRANULARITY in bytes: a page, the smallest that media write at once.
	atomicUnit = 4096

	// ioPiece is the number of bytes that a command of many pieces (VERIFY, WRITE SAME, SANITIZE) transfers with one request: enough
	// for a disk to stream, and little enough for the arena and for other requests in between.
	ioPiece = 256 << 10
	// zeroPiece and discardPiece are the same for requests without data. A memory backend executes them on the loop: to zero 8 MiB
	// takes about a millisecond, to free the pages less.
	zeroPiece    = 8 << 20
	discardPiece = 32 << 20
	// loopSlice is how many bytes a command of many pieces may process before it yields the loop to other tasks.
	loopSlice = MaxTransfer
	// maxCopyTargets, maxCopySegments and maxCopyList (bytes of both lists) bound EXTENDED COPY's parameter list: initiators
	// send two CSCDs and a few segments; the rest is room. A list that is longer by one descriptor must still be shorter
	// than maxCopyList, so that the sense data can point at the excess.
	maxCopyTargets  = 16
	maxCopySegments = 64
	maxCopyList     = 4096
	// maxCopySegment is MAXIMUM SEGMENT LENGTH in bytes: the largest 16-bit count of 4096-byte blocks, rounded up.
	maxCopySegment = 256 << 20
	// copyPiece is the size of a copy's buffer, which it takes from the arena for as long as it runs. It is twice ioPiece, because
	// nothing is read while the buffer is being written.
	copyPiece = 512 << 10
	// maxCopies is MAXIMUM CONCURRENT COPIES, an 8-bit field; the command window is the effective bound.
	maxCopies = 255
	// maxCopyRecords bounds the finished copies whose results an I_T nexus can read.
	maxCopyRecords = 64
	// MaxRegistrations bounds the registered I_T nexuses of a unit (SPC-4 5.13.7): four paths from each of 256 hosts, and
	// the registrations of a unit are one value of the Store, some 120 KiB then.
	MaxRegistrations = 1024
	// MaxISCSIName is the longest iSCSI name in bytes (RFC 7143 4.2.7.1), and so bounds what a TransportID carries.
	MaxISCSIName = 223
)

// optimalTransfer is OPTIMAL TRANSFER LENGTH in bytes: larger transfers gain nothing.
const optimalTransfer = 1 << 20

// discardUnit is OPTIMAL UNMAP GRANULARITY in bytes: memory and file systems free whole pages.
const discardUnit = 4096
