package initiator

import (
	"context"
	"time"

	"github.com/ringtgt/ringtgt/pdu"
)

// asynchronous acts on an Asynchronous Message (RFC 7143, 11.9.1). The protocol has handled event 5: it stopped Data-Out and
// queued the acknowledgement before OnAsync is called.
func (s *Session) asynchronous(c *conn, a Async) {
	if s.cfg.OnAsync != nil {
		s.cfg.OnAsync(a)
	}
	switch a.Message.AsyncEvent() {
	case pdu.AsyncEventLogoutRequest:
		// "The initiator MUST honor this request by issuing a Logout as
		// early as possible but no later than Parameter3 seconds."
		limit := time.Duration(a.Message.Parameter3()) * time.Second
		if limit == 0 {
			limit = logoutTimeout
		}
		s.readers.Add(1)
		go func() {
			defer s.readers.Done()
			ctx, cancel := context.WithTimeout(context.Background(), limit)
			defer cancel()
			_ = s.LogoutConn(ctx, c.cid, c.cid) // if it fails, the target drops the connection
		}()
	case pdu.AsyncEventDropConnection:
		if other, err := s.conn(a.Message.Parameter1()); err == nil {
			other.lose(ErrConnLost)
		}
	case pdu.AsyncEventDropAllConnections:
		for _, other := range s.all() {
			other.lose(ErrConnLost)
		}
	case pdu.AsyncEventNegotiationRequest:
		// "by issuing a Text Request (that can be empty) on the same connection".
		_ = s.Submit(&Command{Kind: KindText, Conn: c.cid, TTT: pdu.ReservedTag, Immediate: true})
	}
}
