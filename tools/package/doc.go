// Package packaging has the files of the packages, the unit and the container of ringtgt, and their tests.
package packaging
