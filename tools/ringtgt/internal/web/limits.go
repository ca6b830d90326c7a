package web

import "time"

// Every bound of the page, with its reason.
const (
	// sampleEvery is the least time between two samples, however many browsers ask: a little less than the page's own interval.
	sampleEvery = 1500 * time.Millisecond
	// longGap is the time without a sample after which the figures begin anew: a mean over it would be none of the present.
	longGap = 30 * time.Second
	// columnTime is the time of a column of the charts, and maxColumns how many there are: 20 minutes, 2 KiB each.
	columnTime = 5 * time.Second
	maxColumns = 240
	maxSpan    = maxColumns * columnTime
	// minSpan and spanStep are the lengths of the time axis while there is little to show.
	minSpan  = time.Minute
	spanStep = time.Minute
	// sparkPoints is how many samples a LUN's line has.
	sparkPoints = 60
	// maxLUNs and maxSessions bound the tables: a browser lays them out again every two seconds. status lists all.
	maxLUNs     = 256
	maxSessions = 256
)
