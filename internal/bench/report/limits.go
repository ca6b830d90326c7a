package report

// Limits of a page.
const (
	// maxColumns and rowsPerDecade bound a heat map: its cells are drawn one by one, and finer ones cannot be told apart on a
	// screen of 1,000 pixels.
	maxColumns    = 240
	rowsPerDecade = 16
	// maxPoints bounds the points of a line: two for a pixel.
	maxPoints = 2000
	// maxRows bounds the rows of a table; the JSON has all. A browser lays out this many without a pause.
	maxRows = 4096
	// openRows is how many rows a table may have that is not folded away.
	openRows = 16
	// maxSeries bounds the lines of one chart that are told apart by colour.
	maxSeries = 6
	// maxNines is where the axis of percentiles ends: 99.9999%.
	maxNines = 6
	// maxPage bounds what Read reads: the JSON, and at most as much again around it.
	maxPage = 128 << 20
)
