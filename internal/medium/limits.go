package medium

const (
	// maxValue bounds a fact's text. The longest text is a path of PATH_MAX; SCSI designators have 255 bytes.
	maxValue = 1024
	// maxAttribute bounds the bytes read from a file in sysfs (one page) or in udev's database.
	maxAttribute = 64 << 10
)
