package session

import "fmt"

// Message is a message from one connection to another, sent through Host.Post. It is a value and holds no closure, so a message
// that has not been received yet can be printed, copied and stored. The zero Message is invalid.
type Message struct {
	kind    messageKind
	from    *Conn    // messageQuieten, messageFollow: the connection that logs the session out
	barrier *barrier // messageFind, messageClear, messageForget
	lun     uint64   // messageOrderMoved
	cid     uint16   // messageDropped: the connection that is gone
	turn    uint32   // messageLogoutReport: the logout that it is for
	reason  error    // messageFail, messageFinish, messageExpire
}

// messageKind is what the receiver has to do.
type messageKind uint8

const (
	messageFail         messageKind = iota + 1 // close at once, for a reason
	messageFinish                              // close once everything queued was sent, for a reason
	messageFollow                              // close if input is ignored because of the session's logout on the sending connection
	messageQuieten                             // stop all tasks: the session is being logged out on the sending connection
	messageLogoutReport                        // a connection that a logout waits for is quiet or gone
	messageResumeLogin                         // the session or connection that this login waits for has ended
	messageExpire                              // end the session that the receiver keeps
	messageRelieved                            // another connection continues the session that the receiver keeps
	messageWindow                              // announce the command window if it has opened
	messageDropped                             // tell the initiator that another connection was dropped
	messageFind                                // look for the task that a task management function names
	messageClear                               // begin the second round of a barrier
	messageForget                              // a barrier is over
	messageOrderMoved                          // a connection has reported to an ORDERED command's barrier
	messageReported                            // all connections have reported to a barrier
	messageConfigure                           // take the node's new configuration
	messageLogOut                              // ask the initiator to log out the session
	messageLeave                               // ask the initiator to log out this connection
	messageKinds
)

var messageNames = [...]string{
	messageFail: "fail", messageFinish: "finish", messageFollow: "follow", messageQuieten: "quieten",
	messageLogoutReport: "logout report", messageResumeLogin: "resume login", messageExpire: "expire",
	messageRelieved: "relieved", messageWindow: "window", messageDropped: "dropped", messageFind: "find",
	messageClear: "clear", messageForget: "forget", messageOrderMoved: "order moved", messageReported: "reported",
	messageConfigure: "configure", messageLogOut: "log out", messageLeave: "leave",
}

func (k messageKind) String() string {
	if int(k) < len(messageNames) && messageNames[k] != "" {
		return messageNames[k]
	}
	return fmt.Sprintf("message %d", uint8(k))
}

// String names the message, for logs and tests.
func (m Message) String() string {
	if m.reason != nil {
		return m.kind.String() + ": " + m.reason.Error()
	}
	return m.kind.String()
}

// Receive handles a message that was posted to the connection. The host calls it on the connection's loop. The connection may
// have ended since the message was posted; each case allows for that.
func (c *Conn) Receive(now int64, m Message) {
	c.now = max(c.now, now)
	switch m.kind {
	case messageFail:
		c.fail(m.reason)
	case messageFinish:
		c.finish(now, m.reason)
	case messageFollow:
		c.out.follow(m.from)
	case messageQuieten:
		c.out.quieten(m.from)
	case messageLogoutReport:
		c.out.reported(m.turn)
	case messageResumeLogin:
		c.login.resume()
	case messageExpire:
		c.expire(m.reason)
	case messageRelieved:
		c.relieved()
	case messageConfigure:
		c.configure(now)
	case messageLogOut:
		c.ask(now, askedSession)
	case messageLeave:
		c.ask(now, askedConn)
	case messageWindow:
		c.tellWindow()
	case messageDropped:
		if c.fullFeature() && !c.end.deaf() && c.sess.byCID(m.cid) == nil {
			c.reply(asyncDropped(m.cid, c.sess.Params.DefaultTime2Wait), nil)
		}
	case messageFind, messageClear, messageForget, messageOrderMoved, messageReported:
		c.tm.receive(m)
	default:
		panic("session: Receive of an unknown " + m.kind.String())
	}
}

// receive handles the messages of task management.
func (m *management) receive(msg Message) {
	switch msg.kind {
	case messageFind:
		m.findFor(msg.barrier)
	case messageClear:
		m.clear(msg.barrier)
	case messageForget:
		m.dropPart(msg.barrier)
	case messageOrderMoved:
		m.orderMoved(msg.lun)
	case messageReported:
		m.schedule()
	}
}
