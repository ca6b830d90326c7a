package report

// Limits of a page.
const (
	// maxColumns and rowsPerDecade bound a heat map: finer cells cannot be told apart on a screen of 1,000 pixels.
	maxColumns    = 240
	rowsPerDecade = 16
	// maxPoints bounds the points of a line: two per pixel.
	maxPoints = 2000
	// maxRows bounds the rows of a table; the JSON has all. A browser lays out this many without a noticeable pause.
	maxRows = 4096
	// openRows is how many rows a table may have to be shown unfolded.
	openRows = 16
	// maxSeries is the number of colours that tell the lines of a chart apart.
	maxSeries = 6
	// narrowLabels is how many labels an axis across a screen of 400 pixels has room for.
	narrowLabels = 5
	// maxNines is where the axis of percentiles ends: 99.9999%.
	maxNines = 6
)
