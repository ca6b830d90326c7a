package lun

// Every bound of the device server, with its reason.
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
	// MaxRegistrations bounds the registered I_T nexuses of a unit (SPC-4 5.13.7): four paths from each of 256 hosts, and
	// the registrations of a unit are one value of the Store, some 120 KiB then.
	MaxRegistrations = 1024
	// MaxISCSIName is the longest iSCSI name in bytes (RFC 7143 4.2.7.1), and so bounds what a TransportID carries.
	MaxISCSIName = 223
)
