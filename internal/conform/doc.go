// Package conform tries an iSCSI target against the rules of the RFCs, from outside. A Case is one rule and how to try it; a T is
// what the case works with: recorded connections, logins, commands, and how to say what was due. A Run tries cases one after the
// other and says how each ended.
//
// The cases are in package cases, the ways to show results in package output. Nothing here imports the target's code.
package conform
