package metrics

import "time"

// Every bound of the metrics listener, with its reason.
const (
	// freshFor is how long a reading of the engine is reused: neither one scraper nor a hundred of them can make the
	// loops be read more often. Scrapes are 5 s apart and more.
	freshFor = time.Second
	// readTime bounds a reading: a loop that does not respond for so long is stuck, and the scrape fails, which `up` shows.
	readTime = 2 * time.Second

	// maxConns bounds the connections of the listener: a few scrapers with one each, and browsers.
	maxConns = 16
	// maxScrapes bounds concurrent scrapes: the text of a large node is some megabytes.
	maxScrapes = 4
	// headerTime and answerTime bound the time that a client may take to send its request and to read the answer; idleTime is how
	// long it may then be idle: longer than any scrape interval in use.
	headerTime = 5 * time.Second
	answerTime = 10 * time.Second
	idleTime   = 2 * time.Minute
	// maxHeader is far more than a scraper sends.
	maxHeader = 8 << 10
)
