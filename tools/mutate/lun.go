package main

var lunMutants = []mutant{
	{"lun: late writes are not gated", "lun/gate_late.go", "if g.late == nil {", "if true {", "lun", "TestAbandonedWrite"},
	{"lun: saved reservations of an aborted task", "lun/task.go", "if t.with == withStore {", "if false {", "lun", "TestAbortedWhileSaving"},
}
