package initiator

import (
	"context"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/ringtgt/ringtgt/bench/initiator/proto"
	"github.com/ringtgt/ringtgt/pdu"
)

// logIn takes a fresh transport connection through the login phase. It reads
// no byte beyond the last Login Response. The connection is closed on error.
func logIn(ctx context.Context, nc net.Conn, cfg proto.LoginConfig, violation func(string, ...any)) (*proto.Login, error) {
	l, err := exchange(ctx, nc, cfg, violation)
	if err != nil {
		_ = nc.Close()
		return nil, err
	}
	return l, nc.SetDeadline(time.Time{})
}

func exchange(ctx context.Context, nc net.Conn, cfg proto.LoginConfig, violation func(string, ...any)) (*proto.Login, error) {
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(loginTimeout)
	}
	if err := nc.SetDeadline(deadline); err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = nc.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	l := proto.NewLogin(cfg, violation)
	var buf []byte
	for {
		h, text := l.Request()
		buf = append(append(buf[:0], h[:]...), text...)
		buf = append(buf, make([]byte, pdu.Pad(len(text)))...)
		if _, err := nc.Write(buf); err != nil {
			return nil, loginIO(ctx, err)
		}
		if _, err := io.ReadFull(nc, h[:]); err != nil {
			return nil, loginIO(ctx, err)
		}
		// "The default MaxRecvDataSegmentLength is used during Login" (6.3).
		n := h.DataLen()
		if n > proto.DefaultDataSegmentLength || h.AHSLen() != 0 {
			return nil, fmt.Errorf("initiator: login: a response with %d bytes of data, %d of AHS", n, h.AHSLen())
		}
		data := make([]byte, n+pdu.Pad(n))
		if _, err := io.ReadFull(nc, data); err != nil {
			return nil, loginIO(ctx, err)
		}
		done, err := l.Response(&h, data[:n])
		if err != nil {
			return nil, err
		}
		if done {
			return l, nil
		}
	}
}

func loginIO(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("initiator: login: %w", ctx.Err())
	}
	return fmt.Errorf("initiator: login: %w", err)
}
