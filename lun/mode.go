package lun

var modeCommands = []command{}

// modeState is the current and saved mode parameters.
type modeState struct{}

// descriptorSense is D_SENSE of the control mode page (SPC-4 7.5.9).
func (u *Unit) descriptorSense() bool { return false }
