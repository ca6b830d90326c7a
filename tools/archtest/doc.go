// Package archtest tests the structure of the module: the import directions of docs/architecture.md, the packages that other
// modules may import, and the folders at the top level.
package archtest
