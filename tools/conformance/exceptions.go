package main

// exception is a test of the tool that cannot run fully on any LUN.
type exception struct {
	test string // SUITE.TEST
	why  string // the condition in the tool's source that decides it
}

// maxExceptions bounds the list: a longer one would mean that the target lacks something.
const maxExceptions = 3

// exceptions at version 1.19.0.
var exceptions = []exception{
	{"iSCSITMF.LUNResetSimpleAsync", "test_async_abort_simple.c, the test before it, ends with `sd->iscsi_ctx = NULL`, and " +
		"test_async_lu_reset_simple.c:101 then exits at `if (sd->iscsi_ctx == NULL)` as \"Non-iSCSI\". Run alone it fails against every target: " +
		"line 157 asserts `reconnect_succeeded == 1` right after the LUN RESET was queued, but only the callback of its response sets that variable."},
	{"WriteSame10.ZeroBlocks", zeroLength},
	{"WriteSame16.ZeroBlocks", zeroLength},
}

// zeroLength: ringtgt sets WSNZ (docs/scsi.md). Without it WriteSame10.UnmapUntilEnd, which now wants INVALID FIELD IN CDB and
// gets it, would have to be here: it sends a block of FFh with UNMAP=1, having forgotten to clear its buffer
// (test_writesame10_unmap_until_end.c:51-57), and wants to read zeros.
const zeroLength = "if WSNZ is one in VPD page B0 (`if (inq_bl->wsnz)`, test_writesame10_0blocks.c and test_writesame16_0blocks.c), the test sends a length of 0, " +
	"expects INVALID FIELD IN CDB, gets it, and exits with \"[SKIPPED] ... does not support 0-blocks\"."
