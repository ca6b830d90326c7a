package rawclient

import (
	"fmt"
	"io"
	"net"
	"slices"
	"time"

	"github.com/ringtgt/ringtgt/pdu"
)

// Client is a connection without digests. What a test writes to the connection itself goes out as it is.
type Client struct {
	net.Conn
	Numbers
	Patience time.Duration // bounds each Send and Recv; 0: only the deadline of Conn does
	MaxData  int           // longest data segment that Recv accepts; 0: any

	Header pdu.BHS // of the last PDU that Recv read
	Data   []byte  // its data segment, until the next Recv

	in, out []byte
}

// Dial connects to a portal. Patience also bounds the attempt.
func Dial(addr string, patience time.Duration) (*Client, error) {
	c, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return nil, err
	}
	return &Client{Conn: c, Numbers: Numbers{CmdSN: 1}, Patience: patience}, nil
}

// TCP returns the connection with what only TCP has.
func (c *Client) TCP() *net.TCPConn { return c.Conn.(*net.TCPConn) }

// Send writes one PDU.
func (c *Client) Send(h *pdu.BHS, data []byte) error {
	c.out = Append(c.out[:0], h, data)
	if c.Patience > 0 {
		_ = c.SetWriteDeadline(time.Now().Add(c.Patience))
	}
	_, err := c.Write(c.out)
	return err
}

// Recv reads one PDU into Header and Data. io.EOF: the target closed the connection between two PDUs.
func (c *Client) Recv() error {
	if c.Patience > 0 {
		_ = c.SetReadDeadline(time.Now().Add(c.Patience))
	}
	if _, err := io.ReadFull(c.Conn, c.Header[:]); err != nil {
		return err
	}
	ahs, n := c.Header.AHSLen(), c.Header.DataLen()
	if c.MaxData > 0 && n > c.MaxData {
		return fmt.Errorf("a data segment of %d bytes", n)
	}
	all := ahs + n + pdu.Pad(n)
	c.in = slices.Grow(c.in[:0], all)[:all]
	c.Data = c.in[ahs : ahs+n]
	_, err := io.ReadFull(c.Conn, c.in)
	return err
}

// LogIn sends a Login Request with the key-value text and takes the response. After it CmdSN and ExpStatSN are the session's.
func (c *Client) LogIn(l Login, text []byte) (*pdu.LoginResponse, error) {
	if err := c.Send(l.Header(), text); err != nil {
		return nil, err
	}
	if err := c.Recv(); err != nil {
		return nil, err
	}
	if op := c.Header.Opcode(); op != pdu.OpLoginResponse {
		return nil, fmt.Errorf("a login is answered by %v", op)
	}
	r := pdu.LoginResponse(c.Header)
	c.CmdSN, c.ExpStatSN = r.ExpCmdSN(), r.StatSN()+1
	return &r, nil
}

// Answer is how a command ended.
type Answer struct {
	ITT    uint32
	Status byte
	Data   []byte // Data-In, in the order of its arrival
}

// Good returns an error unless the command ended with GOOD status.
func (a Answer) Good() error {
	if a.Status != 0 {
		return fmt.Errorf("SCSI status %02Xh", a.Status)
	}
	return nil
}

// Answer reads up to the end of the next command that ends; between its PDUs there may be pings and nothing else.
func (c *Client) Answer() (a Answer, err error) {
	for {
		if err := c.Recv(); err != nil {
			return a, err
		}
		h := &c.Header
		switch op := h.Opcode(); {
		case op == pdu.OpNOPIn:
			continue
		case op != pdu.OpDataIn && op != pdu.OpSCSIResponse:
			return a, fmt.Errorf("the target sends %v", op)
		case len(a.Data) > 0 && h.ITT() != a.ITT:
			return a, fmt.Errorf("%v for ITT %#x between the data of %#x", op, h.ITT(), a.ITT)
		}
		a.ITT = h.ITT()
		if h.Opcode() == pdu.OpSCSIResponse {
			r := (*pdu.SCSIResponse)(h)
			a.Status, c.ExpStatSN = r.Status(), r.StatSN()+1
			return a, nil
		}
		a.Data = append(a.Data, c.Data...)
		if d := (*pdu.DataIn)(h); d.StatusPresent() {
			a.Status, c.ExpStatSN = d.Status(), d.StatSN()+1
			return a, nil
		}
	}
}
