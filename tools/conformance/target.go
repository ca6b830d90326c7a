package main

import (
	"context"
)

// target is a running iSCSI target whose LUNs the tool is pointed at.
type target interface {
	url(lun int) string
	alive() error // nil while the process runs
	stop() error
}

// starter starts a fresh target that serves luns LUNs of one kind, every LUN empty. dir is a directory of its own.
type starter func(ctx context.Context, k kind, luns int, dir string) (target, error)

// kind is a kind of LUN that the tests run on.
type kind struct {
	name   string
	about  string // one line for the page
	spec   string // the starter's own words for it; %s is the path of an image file
	image  bool   // spec wants an image file
	except []exclusion
}

// excluded returns the reason why a test is not run on this kind; "" if it is run.
func (k kind) excluded(suite, test string) string {
	for _, e := range k.except {
		if e.covers(suite, test) {
			return e.why
		}
	}
	return ""
}
