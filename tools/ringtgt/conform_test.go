package main

import (
	"context"
	"errors"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/conform"
)

// The exit code of conform is 5 where a case failed or could not be tried, and 0 where none did.
func TestConformCodes(t *testing.T) {
	ended, end := context.WithCancel(context.Background())
	end()
	for _, c := range []struct {
		ctx      context.Context
		verdicts []conform.Verdict
		want     int
	}{
		{t.Context(), []conform.Verdict{conform.Pass, conform.Skip, conform.Warn}, exitOK},
		{t.Context(), []conform.Verdict{conform.Pass, conform.Fail}, exitConform},
		{t.Context(), []conform.Verdict{conform.Error, conform.Pass}, exitConform},
		{ended, []conform.Verdict{conform.Fail, conform.Error}, exitInterrupted},
	} {
		r := &conform.Report{Target: &conform.Target{}}
		for _, v := range c.verdicts {
			r.Results = append(r.Results, conform.Result{Verdict: v})
		}
		code := exitOK
		if e := new(exitError); errors.As(judge(c.ctx, r), &e) {
			code = e.code
		}
		check.Equal(t, code, c.want, "%v: exit code", c.verdicts)
	}
}
