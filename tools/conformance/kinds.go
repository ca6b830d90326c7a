package main

import "fmt"

// ringtgtKinds are the kinds of LUN that ringtgt is tested on, as keys of a [[target.lun]] table. Together they must let every test
// really run.
var ringtgtKinds = []kind{
	{
		name:  "thin",
		about: "memory, thin, 512-byte physical blocks",
		spec:  memoryLUN + "thin = true\n",
	},
	{
		name:  "file",
		about: "a file, fully provisioned",
		spec:  fileLUN,
		image: true,
	},
	{
		name:   "thin4k",
		about:  "a file, thin by hole punching, 512-byte logical on 4096-byte physical blocks",
		spec:   fileLUN + "thin = true\nphysical_block_size = 4096\n",
		image:  true,
		except: []exclusion{physicalBlockDefect},
	},
	{
		name:  "removable",
		about: "memory, thin, removable medium",
		spec:  memoryLUN + "thin = true\nremovable = true\n",
	},
	{
		name:   "ro",
		about:  "memory, thin, read-only",
		spec:   memoryLUN + "thin = true\nread_only = true\n",
		except: readOnlyExclusions,
	},
}

// lunBytes: above 4 MiB + 256 blocks, which Write10.Simple needs; below 32 MiB, from where on WriteSame16.Unmap writes 65536 blocks
// at once without looking at MAXIMUM TRANSFER LENGTH (test_writesame16_unmap.c:165); below the 1 GiB beyond which Read6 leaves its
// tests without a word.
const lunBytes = 24 << 20

// sanitizePace makes SANITIZE OVERWRITE of a LUN last 8 s: Sanitize.Reset wants it still going after 3 s, five kinds of reset, the
// loss of the session, and 1 s more (test_sanitize_reset.c).
const sanitizePace = "sanitize_rate = \"3MiB\"\n"

var (
	memoryLUN = fmt.Sprintf("memory = %d\n", lunBytes) + sanitizePace
	fileLUN   = fmt.Sprintf("file = \"%%s\"\nsize = %d\n", lunBytes) + sanitizePace
)

// tgtKinds are the same kinds as far as tgt has them: parameters of tgtadm's --params. tgt's physical block is always 4096 bytes.
var tgtKinds = []kind{
	{name: "thin", about: "a file, thin", spec: "thin_provisioning=1"},
	{name: "file", about: "a file, fully provisioned"},
	{name: "removable", about: "a file, thin, removable medium", spec: "thin_provisioning=1,removable=1"},
	{name: "ro", about: "a file, thin, read-only", spec: "thin_provisioning=1,readonly=1", except: readOnlyExclusions},
}

// exclusion lists tests that are not run on a kind, with the reason: only tests in which the tool is wrong there.
type exclusion struct {
	suite string
	tests []string // none: the whole suite
	why   string
}

func (e exclusion) covers(suite, test string) bool {
	if e.suite != suite {
		return false
	}
	for _, t := range e.tests {
		if t == test {
			return true
		}
	}
	return len(e.tests) == 0
}

// physicalBlockDefect: with LBPPB logical blocks per physical block the second half of the test asks for the status of LBA i+1
// and wants the first descriptor to begin at i+LBPPB (test_get_lba_status_unmap_single.c:120,134). SBC-3 5.6.2 lets it begin at
// the requested LBA only, so the test can pass with LBPPB 1 alone; it runs on the other kinds.
var physicalBlockDefect = exclusion{"GetLBAStatus", []string{"UnmapSingle"},
	"asks for LBA i+1 and expects a descriptor of LBA i+LBPPB: correct only where a physical block is one logical block"}

// writesMedium: the test writes and wants GOOD; a write-protected unit must refuse (SBC-3 4.12), and the tool has no check for it.
const writesMedium = "writes and expects success, which a write-protected unit must refuse"

// orderOnReadOnly: the test sends a write with a second fault and wants that one reported. SPC-4 4.12 leaves open which fault of
// several is reported, and ringtgt reports the protection first.
const orderOnReadOnly = "expects a fault other than the write protection to be reported first, which SPC-4 leaves open"

// readOnlyExclusions are the tests that make no sense on a write-protected unit. ReadOnly.ReadOnlySBC sends the same commands
// there and wants DATA PROTECT.
var readOnlyExclusions = []exclusion{
	{"CompareAndWrite", nil, writesMedium},
	{"ExtendedCopy", []string{"Simple", "ValidTgtDescr"}, writesMedium},
	{"GetLBAStatus", []string{"UnmapSingle"}, writesMedium},
	{"OrWrite", nil, writesMedium},
	{"ProutReserve", []string{"AccessEA", "AccessWE", "AccessEARO", "AccessWERO", "AccessEAAR", "AccessWEAR"}, writesMedium},
	{"ReceiveCopyResults", []string{"CopyStatus"}, writesMedium},
	{"Sanitize", []string{"BlockErase", "CryptoErase", "Overwrite", "Reset"}, writesMedium},
	{"Sanitize", []string{"BlockEraseReserved", "CryptoEraseReserved", "OverwriteReserved", "ExitFailureMode"}, orderOnReadOnly},
	{"Unmap", nil, writesMedium},
	{"Write10", nil, writesMedium},
	{"Write12", nil, writesMedium},
	{"Write16", nil, writesMedium},
	{"WriteAtomic16", nil, writesMedium},
	{"WriteSame10", nil, writesMedium},
	{"WriteSame16", nil, writesMedium},
	{"WriteVerify10", nil, writesMedium},
	{"WriteVerify12", nil, writesMedium},
	{"WriteVerify16", nil, writesMedium},
	{"iSCSIdatasn", nil, writesMedium},
	{"iSCSIResiduals", []string{"Write10Residuals", "Write12Residuals", "Write16Residuals",
		"WriteVerify10Residuals", "WriteVerify12Residuals", "WriteVerify16Residuals"}, writesMedium},
	{"iSCSITMF", nil, writesMedium},
	{"MultipathIO", []string{"Simple", "CompareAndWrite", "CompareAndWriteAsync"}, writesMedium},
}
