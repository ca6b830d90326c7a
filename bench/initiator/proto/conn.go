package proto

import (
	"errors"
	"fmt"

	"github.com/ringtgt/ringtgt/pdu"
)

// Handler receives a connection's events during Feed, Fill, End and Terminate. It must not call the connection.
type Handler interface {
	// Done returns a command that has ended to its caller.
	Done(c *Command)
	// Async reports an Asynchronous Message and its data segment (RFC 7143, 11.9). Both are valid during the call. The NOP-Out
	// that event 5 requires is queued already.
	Async(m *pdu.AsyncMessage, data []byte)
	// Violation reports a breach of the standard by the target.
	Violation(format string, args ...any)
}

// Config describes a connection that has logged in.
type Config struct {
	Numbers *Numbers
	Params  Params
	Handler Handler
	// Ordinal counts the session's connections, reinstated ones too: it keeps Initiator Task Tags apart.
	Ordinal int
	// Tasks is how many tasks may be outstanding; 0 is DefaultTasks.
	Tasks int
	// StatSN is that of the last Login Response.
	StatSN uint32
}

// Conn is one connection in full feature phase. It serves one goroutine or loop at a time.
type Conn struct {
	n *Numbers
	p Params
	h Handler

	framer pdu.Framer
	tags   tags

	expStatSN uint32
	quiet     bool // a logout was sent: no new request follows it (11.14)
	ended     bool
	hold      bool // no Data-Out for now: HoldData

	now     queue // what the window does not hold back
	cmds    queue // what it does
	queued  int
	waiting bool // announced to n.Wait

	replies []reply
	bursts  bursts

	rx rx

	windowClosed uint64
}

// reply is a NOP-Out without a tag of its own.
type reply struct {
	lun uint64
	ttt uint32
}

// Progress says why Fill stopped.
type Progress uint8

const (
	Idle   Progress = iota // nothing is left to send
	Full                   // the sink is full: there is more
	Window                 // commands wait for the window
	Tags                   // commands wait for a tag
)

// NewConn begins the full feature phase of a connection.
func NewConn(cfg Config) *Conn {
	tasks := cfg.Tasks
	if tasks == 0 {
		tasks = DefaultTasks
	}
	if tasks < 1 || tasks > MaxTasks {
		panic("proto: number of tasks out of range")
	}
	c := &Conn{n: cfg.Numbers, p: cfg.Params, h: cfg.Handler, tags: newTags(cfg.Ordinal, tasks), expStatSN: cfg.StatSN + 1}
	c.framer.SetLimits(0, int(c.p.Conn.MaxRecvDataSegmentLength)) // no PDU of a target's has an AHS
	c.framer.SetDigests(c.p.Conn.HeaderDigest, c.p.Conn.DataDigest)
	c.replies = make([]reply, 0, maxReplies)
	return c
}

// ExpStatSN returns the next StatSN that is expected.
func (c *Conn) ExpStatSN() uint32 { return c.expStatSN }

// Outstanding returns how many tasks have a tag.
func (c *Conn) Outstanding() int { return c.tags.used() }

// Queued returns how many commands wait to be sent.
func (c *Conn) Queued() int { return c.queued }

// WindowClosed returns how many Fills ended because the window was closed.
func (c *Conn) WindowClosed() uint64 { return c.windowClosed }

// Params returns what was negotiated.
func (c *Conn) Params() *Params { return &c.p }

// Submit takes a command. Nothing is sent before Fill. The error says that it is not well formed, or that the connection has
// ended; the command is then still the caller's and its Done is not called.
func (c *Conn) Submit(cmd *Command) error {
	if err := cmd.check(); err != nil {
		return err
	}
	if c.ended {
		return ErrConnLost
	}
	cmd.Result = Result{Sense: cmd.Result.Sense[:0], Text: cmd.Result.Text[:0]}
	cmd.state = stateQueued
	c.queued++
	if cmd.Immediate || cmd.Numbered {
		c.now.push(cmd)
	} else {
		c.cmds.push(cmd)
	}
	return nil
}

// Withdraw takes back a command that has not been sent, and reports whether it could.
func (c *Conn) Withdraw(cmd *Command) bool {
	if cmd.state != stateQueued || !c.now.remove(cmd) && !c.cmds.remove(cmd) {
		return false
	}
	c.queued--
	cmd.state = stateIdle
	return true
}

// HoldData keeps back all Data-Out PDUs while hold is true: for tests that want
// a write to be under way. Immediate data goes with its command all the same.
func (c *Conn) HoldData(hold bool) { c.hold = hold }

// Tag returns the Initiator Task Tag and CmdSN of a command that is under way.
func (c *Conn) Tag(cmd *Command) (itt, cmdSN uint32, sent bool) {
	return cmd.Result.ITT, cmd.Result.CmdSN, cmd.state == stateSent
}

// End ends every command with err, because the connection is down. It may be called again.
func (c *Conn) End(err error) {
	c.ended = true
	if c.waiting {
		c.waiting = false
		c.n.Waited()
	}
	for i := range c.tags.slots {
		if cmd := c.tags.slots[i].cmd; cmd != nil {
			c.finish(cmd, err, endedAnswered)
		}
	}
	for _, q := range []*queue{&c.now, &c.cmds} {
		for cmd := q.pop(); cmd != nil; cmd = q.pop() {
			c.queued--
			cmd.state = stateIdle
			cmd.Result.Err = err
			c.h.Done(cmd)
		}
	}
	c.bursts = bursts{}
}

// Terminate ends, with err, the SCSI tasks that were sent and for which affected returns true, and stops their data. If late is
// set, an answer that still arrives is not a violation.
func (c *Conn) Terminate(err error, late bool, affected func(*Command) bool) {
	how := endedAnswered
	if late {
		how = endedLocally
	}
	for i := range c.tags.slots {
		cmd := c.tags.slots[i].cmd
		if cmd != nil && cmd.Kind == KindSCSI && affected(cmd) {
			c.finish(cmd, err, how)
		}
	}
}

// finish ends a command that has a tag.
func (c *Conn) finish(cmd *Command, err error, how ending) {
	c.bursts.drop(cmd)
	if c.rx.cmd == cmd { // its data is under way: the rest goes nowhere
		c.rx.cmd = nil
		c.framer.Skip()
	}
	c.tags.release(cmd.task.itt, how)
	if cmd.Result.Err == nil {
		cmd.Result.Err = err
	}
	if cmd.task.write {
		cmd.Result.Transferred = cmd.task.out
	} else {
		cmd.Result.Transferred = cmd.task.in
	}
	cmd.state = stateIdle
	c.h.Done(cmd)
}

// Errors that end a connection: the rest of its stream cannot be used.
var (
	ErrProtocol   = errors.New("initiator: the target breaks the protocol")
	ErrDataDigest = errors.New("initiator: data digest error")
)

func (c *Conn) violation(format string, args ...any) { c.h.Violation(format, args...) }

func protocolError(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrProtocol, fmt.Sprintf(format, args...))
}
