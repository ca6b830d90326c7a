package power

// Constants that guest and host share.
const (
	// BlockSize is the logical block length of every unit. A drive writes 512 bytes atomically; a cut may tear anything longer.
	BlockSize = 512
	// Blocks is the capacity of a unit.
	Blocks = 1024

	// DiskSize is the size of the drives below the units, in bytes. ext4 wants a journal of at least 4 MiB.
	DiskSize = 16 << 20
	// LogSize is the size of a log drive. A run uses about 20 MiB of each. The host's file is sparse.
	LogSize = 256 << 20

	Initiator = "iqn.2026-11.io.ringtgt:power-" // followed by a letter
	Target    = "iqn.2026-11.io.ringtgt:power"
	Portal    = "127.0.0.1:3260"

	// LUNFile is a unit's file, relative to its file system, StateDir the daemon's state directory.
	LUNFile  = "lun.img"
	StateDir = "ringtgt"
)

// Disk is a drive whose writes are logged.
type Disk struct {
	Name string
	// NVMe drives have FUA writes. For virtio drives the kernel sends a write and a flush instead.
	NVMe bool
	// Mount: it holds an ext4 file system, mounted at /mnt/NAME, with LUNFile if it has a LUN, else with StateDir.
	Mount bool
	// LUN is the unit on the drive, or -1.
	LUN int
}

// Disks are the drives of the test. Each has its own log and file system, so that a flush of one cannot hide a missing flush of
// another.
var Disks = []Disk{
	{Name: "block", NVMe: true, LUN: 0},
	{Name: "direct", NVMe: true, Mount: true, LUN: 1},
	{Name: "cache", Mount: true, LUN: 2},
	{Name: "state", Mount: true, LUN: -1},
}

// LUNs is the number of units: those of Disks.
const LUNs = 3

// Spec is the unit's argument on the daemon's command line.
func (d Disk) Spec() string {
	switch d.Name {
	case "block":
		return "block:" + d.Mapped() + ",direct=on"
	case "direct":
		return "file:/mnt/direct/" + LUNFile + ":512k,thin,direct=on"
	}
	return "file:/mnt/cache/" + LUNFile + ":512k,thin,direct=off"
}

// Mapped is the device-mapper device above the drive.
func (d Disk) Mapped() string { return "/dev/mapper/power-" + d.Name }

// The layout of the drive "seen", where the guest writes what an initiator sees after a cut: the blocks of all units, then a
// Seen as JSON, padded with zeroes.
const (
	SeenAt   = LUNs * Blocks * BlockSize
	SeenSize = 4096
)

// Seen is what an initiator sees of the units, apart from their blocks.
type Seen struct {
	Units [LUNs]struct {
		NAA, Reservations string
		WCE               bool
		Failed            bool // a SANITIZE failed: only NAA is valid
	}
}
