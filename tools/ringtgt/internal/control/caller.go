package control

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
)

// Access is what a caller may do.
type Access int

// The accesses, each with all that the one before it may do.
const (
	AccessNone Access = iota
	AccessRead
	AccessChange
)

func (a Access) String() string { return [...]string{"none", "read", "change"}[a] }

// Caller is who sent a request.
type Caller struct {
	Name   string // for the log: "uid 0, pid 7", or the subject of a certificate
	Access Access
}

type callerKey struct{}

// WithCaller returns a context of a request of c.
func WithCaller(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// CallerOf returns who sent the request of ctx. Without one it may do nothing.
func CallerOf(ctx context.Context) Caller {
	c, _ := ctx.Value(callerKey{}).(Caller)
	return c
}

// Admit lets only callers with some access through to next.
func Admit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c := CallerOf(r.Context()); c.Access == AccessNone {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusForbidden)
			_ = json.NewEncoder(w).Encode(map[string]any{ // the client is gone
				"title": http.StatusText(http.StatusForbidden), "status": http.StatusForbidden, "code": "forbidden",
				"detail": fmt.Sprintf("%s: only root, the daemon's user and the members of its groups may use this socket", c.Name),
			})
			return
		}
		next.ServeHTTP(w, r)
	})
}
