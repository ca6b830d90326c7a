// Package moduletest tests the module as other people get it: installed by version, and imported by a module of theirs.
package moduletest
