package lun

var persistCommands = []command{}

// persistState is a unit's registrations and persistent reservation (SPC-4 5.13), under Unit.mu.
type persistState struct{}

// reservation is who reserves a unit: an immutable snapshot that Unit.resv points at, nil when nobody does.
type reservation struct{}

// conflicts says whether r keeps t, of class t.cmd.class, from being carried out.
func (r *reservation) conflicts(t *Task) bool { return false }
