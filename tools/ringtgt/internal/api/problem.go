package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"syscall"

	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/admin"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/volume"
)

// Problem is an answer that is no success (RFC 9457). Its type is about:blank; Code tells programs what happened.
type Problem struct {
	Title  string   `json:"title"`
	Status int      `json:"status"`
	Code   Code     `json:"code"`
	Detail string   `json:"detail"`
	Errors []Detail `json:"errors,omitempty"` // every error of a configuration
}

// Detail is one error of a configuration.
type Detail struct {
	At      string `json:"at,omitempty"` // FILE:LINE:COLUMN, or what the value belongs to
	Detail  string `json:"detail"`
	Warning bool   `json:"warning,omitempty"`
}

// Code is the cause of a Problem.
type Code string

// The codes.
const (
	CodeMalformed   Code = "malformed"
	CodeForbidden   Code = "forbidden"
	CodeNoRoute     Code = "no_such_path"
	CodeNoMethod    Code = "method_not_allowed"
	CodeTooLarge    Code = "too_large"
	CodeMediaType   Code = "not_json"
	CodeNotFound    Code = "not_found"
	CodeExists      Code = "exists"
	CodeFileOwned   Code = "file_owned"
	CodeInUse       Code = "in_use"
	CodeBusy        Code = "busy"
	CodeInvalid     Code = "invalid"
	CodeNoSpace     Code = "no_space"
	CodeUnsupported Code = "unsupported"
	CodeUnavailable Code = "unavailable"
	CodeTimeout     Code = "timeout"
	CodeInternal    Code = "internal"
)

// ErrMalformed is a request that is not what the document describes.
var ErrMalformed = errors.New("malformed request")

// ErrUnavailable is a daemon that starts or ends.
var ErrUnavailable = errors.New("it takes no requests now")

// causes are the errors with an answer of their own, the first that matches decides.
var causes = []struct {
	err    error
	code   Code
	status int
}{
	{ErrMalformed, CodeMalformed, http.StatusBadRequest},
	{ErrUnavailable, CodeUnavailable, http.StatusServiceUnavailable},
	{admin.ErrNotFound, CodeNotFound, http.StatusNotFound},
	{admin.ErrExists, CodeExists, http.StatusConflict},
	{admin.ErrFileOwned, CodeFileOwned, http.StatusConflict},
	{admin.ErrInUse, CodeInUse, http.StatusConflict},
	{admin.ErrBusy, CodeBusy, http.StatusConflict},
	{admin.ErrInvalid, CodeInvalid, http.StatusUnprocessableEntity},
	{volume.ErrNotFound, CodeNotFound, http.StatusNotFound},
	{volume.ErrExists, CodeExists, http.StatusConflict},
	{volume.ErrInUse, CodeInUse, http.StatusConflict},
	{volume.ErrInvalid, CodeInvalid, http.StatusUnprocessableEntity},
	{volume.ErrUnsupported, CodeUnsupported, http.StatusUnprocessableEntity},
	{volume.ErrNoSpace, CodeNoSpace, http.StatusInsufficientStorage},
	{syscall.EADDRINUSE, CodeInUse, http.StatusConflict},
	{syscall.EADDRNOTAVAIL, CodeInvalid, http.StatusUnprocessableEntity},
	{syscall.ENOSPC, CodeNoSpace, http.StatusInsufficientStorage},
	{context.DeadlineExceeded, CodeTimeout, http.StatusGatewayTimeout},
	{context.Canceled, CodeUnavailable, http.StatusServiceUnavailable},
}

// problemOf describes err.
func problemOf(err error) *Problem {
	var asked *Problem
	if errors.As(err, &asked) {
		return asked
	}
	p := &Problem{Status: http.StatusInternalServerError, Code: CodeInternal, Detail: err.Error()}
	for _, c := range causes {
		if errors.Is(err, c.err) {
			p.Status, p.Code = c.status, c.code
			break
		}
	}
	var ps config.Problems
	if errors.As(err, &ps) {
		p.Status, p.Code = http.StatusUnprocessableEntity, CodeInvalid
		for _, d := range ps {
			p.Errors = append(p.Errors, Detail{At: d.At.String(), Detail: d.Text, Warning: d.Warning})
		}
	}
	p.Title = http.StatusText(p.Status)
	return p
}

// Error implements error.
func (p *Problem) Error() string { return p.Detail }

// Unwrap returns the error of package admin with this code, and the errors of a configuration.
func (p *Problem) Unwrap() []error {
	var out []error
	for _, c := range causes {
		if c.code == p.Code {
			out = append(out, c.err)
			break
		}
	}
	var ps config.Problems
	for _, d := range p.Errors {
		ps = append(ps, config.Problem{At: config.Where{Flag: d.At}, Text: d.Detail, Warning: d.Warning})
	}
	if ps != nil {
		out = append(out, ps)
	}
	return out
}

// problem makes an answer that does not come from an error of the daemon.
func problem(status int, code Code, detail string) *Problem {
	return &Problem{Title: http.StatusText(status), Status: status, Code: code, Detail: detail}
}

func writeProblem(w http.ResponseWriter, p *Problem) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if p.Code == CodeBusy {
		w.Header().Set("Retry-After", "1")
	}
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the client is gone
}

// readProblem reads the answer of a daemon.
func readProblem(status int, contentType string, text []byte) error {
	p := &Problem{}
	if strings.HasPrefix(contentType, "application/problem+json") && json.Unmarshal(text, p) == nil && p.Status == status {
		return p
	}
	return problem(status, CodeInternal, "the daemon answered "+http.StatusText(status)+": "+strings.TrimSpace(string(text)))
}
