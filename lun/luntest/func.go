package luntest

// Func is an event or work of a test, as a function.
type Func func()

// Happen implements lun.Event.
func (f Func) Happen() { f() }

// Job is work of a test: Work on a helper, Then on the loop.
type Job struct{ Work, Then func() }

// Do implements lun.Work.
func (j Job) Do() { j.Work() }

// Happen implements lun.Work.
func (j Job) Happen() { j.Then() }
