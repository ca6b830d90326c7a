// Package moduletest tests the module as others get it: installed by version, and imported by another module.
package moduletest
