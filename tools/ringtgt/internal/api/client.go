package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/admin"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/control"
)

// Client is a running daemon, reached by its control socket. Its errors wrap those of package admin, as the daemon's own do.
type Client struct {
	base string
	http *http.Client
}

var _ admin.Node = (*Client)(nil)

// Dial returns a client of the socket at path. It connects with the first request; control.Absent reports whether an error means that
// no daemon listens.
func Dial(path string) *Client { return NewClient("http://ringtgt", control.Transport(path)) }

// NewClient returns a client of the API at base, such as https://192.0.2.1:3262.
func NewClient(base string, t http.RoundTripper) *Client {
	return &Client{base: base, http: &http.Client{Transport: t}}
}

// Close closes idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Do implements admin.Node.
func (c *Client) Do(ctx context.Context, ops ...admin.Op) (*admin.Plan, error) {
	r, err := c.Change(ctx, ops...)
	if err != nil {
		return nil, err
	}
	return &r.Plan, nil
}

// Change is Do with the whole answer.
func (c *Client) Change(ctx context.Context, ops ...admin.Op) (*Result, error) {
	var body Changes
	for _, op := range ops {
		text, err := encodeOp(op)
		if err != nil {
			return nil, err
		}
		body.Changes = append(body.Changes, text)
	}
	r := &Result{}
	return r, c.Request(ctx, http.MethodPost, "/v1/changes", body, r)
}

// Apply implements admin.Node.
func (c *Client) Apply(ctx context.Context, dryRun, force bool) (*admin.Plan, error) {
	var r Result
	if err := c.Request(ctx, http.MethodPost, "/v1/apply", Apply{DryRun: dryRun, Force: force}, &r); err != nil {
		return nil, err
	}
	return &r.Plan, nil
}

// Config implements admin.Node. It is nil if the daemon does not answer; ReadConfig says why.
func (c *Client) Config() *config.Config {
	cfg, err := c.ReadConfig(context.Background())
	if err != nil {
		return nil
	}
	return cfg
}

// ReadConfig requests the configuration in force. Its secrets are missing.
func (c *Client) ReadConfig(ctx context.Context) (*config.Config, error) {
	var w Config
	if err := c.Request(ctx, http.MethodGet, "/v1/config", nil, &w); err != nil {
		return nil, err
	}
	return w.config()
}

// Export requests the configuration in force as a configuration file, without secrets.
func (c *Client) Export(ctx context.Context) ([]byte, error) {
	resp, err := c.send(ctx, http.MethodGet, "/v1/config?format=toml", nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
}

// Sessions implements admin.Node.
func (c *Client) Sessions(ctx context.Context, f admin.SessionFilter) ([]admin.Session, error) {
	return c.sessions(ctx, http.MethodGet, query(f))
}

// Kick implements admin.Node.
func (c *Client) Kick(ctx context.Context, f admin.SessionFilter, force bool) ([]admin.Session, error) {
	q := query(f)
	if force {
		q.Set("force", "true")
	}
	return c.sessions(ctx, http.MethodDelete, q)
}

func (c *Client) sessions(ctx context.Context, method string, q url.Values) ([]admin.Session, error) {
	var out Sessions
	path := "/v1/sessions"
	if len(q) > 0 {
		path += "?" + q.Encode()
	}
	err := c.Request(ctx, method, path, nil, &out)
	return out.Sessions, err
}

// Forget implements admin.Node.
func (c *Client) Forget(ctx context.Context, which string) error {
	return c.Request(ctx, http.MethodPost, "/v1/forget", Forget{Disk: which}, nil)
}

// query is the inverse of request.filter.
func query(f admin.SessionFilter) url.Values {
	q := url.Values{}
	for name, v := range map[string]string{"target": f.Target, "initiator": f.Initiator, "account": f.Account} {
		if v != "" {
			q.Set(name, v)
		}
	}
	if f.TSIH != 0 {
		q.Set("tsih", strconv.Itoa(int(f.TSIH)))
	}
	if f.CID != nil {
		q.Set("cid", strconv.Itoa(int(*f.CID)))
	}
	return q
}

// Request sends one request and decodes the answer into out, if that is not nil.
func (c *Client) Request(ctx context.Context, method, path string, body, out any) error {
	resp, err := c.send(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(out); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// send returns a successful answer, or the error that the daemon answered. A request without a deadline gets one: longer than the
// daemon's own, so that the daemon says what happened.
func (c *Client) send(ctx context.Context, method, path string, body any) (*http.Response, error) {
	cancel := func() {}
	if _, ok := ctx.Deadline(); !ok {
		ctx, cancel = context.WithTimeout(ctx, changeTime+2*answerTime)
	}
	var text io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			cancel()
			return nil, err
		}
		text = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, text)
	if err != nil {
		cancel()
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		cancel()
		return nil, err
	}
	resp.Body = &cancelBody{resp.Body, cancel}
	if resp.StatusCode < 300 {
		return resp, nil
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, err
	}
	return nil, readProblem(resp.StatusCode, resp.Header.Get("Content-Type"), answer)
}

// cancelBody ends a request's context when its answer has been read.
type cancelBody struct {
	io.ReadCloser
	cancel context.CancelFunc
}

func (b *cancelBody) Close() error {
	defer b.cancel()
	return b.ReadCloser.Close()
}
