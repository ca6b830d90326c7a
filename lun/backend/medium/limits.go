package medium

const (
	// maxValue bounds a fact's text: the longest that devices have is a path of PATH_MAX, whose end tells less than its
	// beginning does; SCSI designators have 255 bytes.
	maxValue = 1024
	// maxAttribute bounds what is read of a file in sysfs (one page) or of udev's database.
	maxAttribute = 64 << 10
)
