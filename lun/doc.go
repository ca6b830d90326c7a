// Package lun is the SCSI device server (SAM-5, SPC-4, SBC-3): logical units, their commands, reservations, unit attentions
// and mode pages. It does no I/O of its own: a Backend stores the blocks, and a Loop provides memory and submits requests.
// docs/scsi.md describes its checks and choices.
package lun
