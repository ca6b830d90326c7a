package luntest

import "github.com/ringtgt/ringtgt/lun"

// Plan is lun.Task.Plan of a command that is not started.
func Plan(n *lun.Nexus, lu uint64, cdb *[16]byte, copied bool) (out, in int) {
	t := lun.Task{Nexus: n, LUN: lu, CDB: *cdb}
	return t.Plan(copied)
}
