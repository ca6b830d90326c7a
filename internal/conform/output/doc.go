// Package output shows a report of package conform: as text, JUnit's XML, JSON, a page of HTML, and what was exchanged as a capture
// for wireshark.
package output
