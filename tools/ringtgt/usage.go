package main

import (
	"errors"
	"regexp"
	"strings"

	"github.com/alecthomas/kong"
)

// parserErrors are messages of the command line's parser that name its own terms, and what users read instead.
var parserErrors = []struct {
	is   *regexp.Regexp
	want string
}{
	{regexp.MustCompile(`^(.*): expected \S+ value but got "EOL" \(<EOL>\)$`), "$1: it needs a value"},
	{regexp.MustCompile(`^(.*): expected \S+ value but got "(-.*)" \((?:long|short) flag\).*$`), "$1: it needs a value, and $2 looks like a flag; $1=$2 takes it as the value"},
	{regexp.MustCompile(`^expected "([^"]*)"$`), "$1 is missing"},
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

// helpOf is the help for the command that was typed wrongly, as far as the parser got: "lun resize --help".
func helpOf(err error) (args, shows string) {
	var wrong *kong.ParseError
	if !errors.As(err, &wrong) || wrong.Context == nil {
		return "--help", "lists the commands"
	}
	var names []string
	shows = "lists the commands"
	for _, p := range wrong.Context.Path {
		if p.Command != nil {
			names = append(names, p.Command.Name)
			if shows = "lists its arguments"; len(p.Command.Children) > 0 {
				shows = "lists its commands"
			}
		}
	}
	return strings.Join(append(names, "--help"), " "), shows
}
