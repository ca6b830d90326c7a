package lun

var sanitizeCommands = []command{}

// sanitizeSense is the sense data of a unit that is being sanitized (SBC-3 4.11), with its progress.
func (u *Unit) sanitizeSense() *sense {
	return &sense{key: NotReady, asc: ascSanitizeInProgressSense}
}
