package main

import "regexp"

// parserErrors are messages of the command line's parser that name its own terms, and what users read instead.
var parserErrors = []struct {
	is   *regexp.Regexp
	want string
}{
	{regexp.MustCompile(`^(.*): expected \S+ value but got "EOL" \(<EOL>\)$`), "$1: it needs a value"},
	{regexp.MustCompile(`^(.*): expected \S+ value but got "(-.*)" \((?:long|short) flag\).*$`), "$1: it needs a value, and $2 looks like a flag; $1=$2 takes it as the value"},
	{regexp.MustCompile(`^(.*): expected a valid \d+ bit u?int but got (".*")$`), "$1: $2: want a whole number"},
}

// usageText is an error of the command line's parser as a sentence.
func usageText(err error) string {
	text := err.Error()
	for _, p := range parserErrors {
		if p.is.MatchString(text) {
			return p.is.ReplaceAllString(text, p.want)
		}
	}
	return text
}
