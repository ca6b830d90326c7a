package session

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/internal/rawclient"
	"github.com/ringtgt/ringtgt/pdu"
)

// rig is one connection between a scripted initiator and a scripted host. It stands at the message level: tests send a
// PDU and want a PDU, "because" the standard says so. Every PDU of the target's is checked for what holds for all of them.
type rig struct {
	testing.TB
	node *Node
	host *fakeHost
	conn *Conn
	now  int64
	room bool // what Next is told
	// defers makes the host defer the commands that it gets.
	defers bool

	// What the initiator sends next.
	cmdSN     uint32
	expStatSN uint32
	itt       uint32
	hd, dd    bool
	packed    bool // bytes fed together are received together, with no event in between

	got    []wire // PDUs of the target's that no want has taken
	events []Event

	maxCmdSN, expCmdSN uint32
	windowKnown        bool
}

// wire is a PDU as it arrives at the initiator.
type wire struct {
	h    pdu.BHS
	data []byte
}

func (w wire) String() string { return fmt.Sprintf("%v %x data %d", w.h.Opcode(), w.h[:], len(w.data)) }

const (
	testTarget    = "iqn.2026-11.io.ringtgt:disk0"
	testInitiator = "iqn.2026-11.io.example:host"
)

// rigOptions change what a rig negotiates.
type rigOptions struct {
	keys      []string // pairs that replace the defaults of the same key
	discovery bool
	window    int
	node      NodeConfig
	firstCmd  uint32
}

// newRig makes a rig in full feature phase.
func newRig(t testing.TB, opts ...func(*rigOptions)) *rig {
	t.Helper()
	o := rigOptions{firstCmd: 0xfffffff0} // wraps early in every longer test
	for _, f := range opts {
		f(&o)
	}
	r := &rig{TB: t, now: int64(time.Hour), room: true, itt: 0x1000, cmdSN: o.firstCmd, expStatSN: 77}
	r.node = NewNode(o.node)
	r.node.SetTargets([]*Target{{Name: testTarget, Portals: []Portal{{Addr: "127.0.0.1:3260", TPGT: 1}}, Limits: Limits{Window: o.window}}})
	r.host = &fakeHost{rig: r, tasks: 1 << 20, live: map[*Task]bool{}}
	r.connect()
	r.login(&o)
	return r
}

func with(keys ...string) func(*rigOptions) {
	return func(o *rigOptions) { o.keys = append(o.keys, keys...) }
}

func withWindow(n int) func(*rigOptions) { return func(o *rigOptions) { o.window = n } }

func discovery(o *rigOptions) { o.discovery = true }

func (r *rig) connect() {
	r.conn = NewConn(ConnConfig{
		Node: r.node, Host: r.host, Now: r.now,
		Local:  netip.MustParseAddrPort("127.0.0.1:3260"),
		Remote: netip.MustParseAddrPort("127.0.0.1:50000"),
		Rand: func(b []byte) {
			src := rand.NewChaCha8([32]byte{})
			src.Read(b)
		},
	})
}

// login goes straight to full feature phase: AuthMethod None, operational keys, one request a stage.
func (r *rig) login(o *rigOptions) {
	r.Helper()
	pairs := []string{"HeaderDigest", "None", "DataDigest", "None", "InitialR2T", "No", "ImmediateData", "Yes",
		"MaxRecvDataSegmentLength", "65536", "MaxBurstLength", "262144", "FirstBurstLength", "65536",
		"MaxOutstandingR2T", "1", "ErrorRecoveryLevel", "0", "MaxConnections", "1", "DefaultTime2Retain", "0"}
	if o.discovery {
		pairs = []string{"HeaderDigest", "None", "DataDigest", "None", "MaxRecvDataSegmentLength", "8192"}
	}
next:
	for i := 0; i < len(o.keys); i += 2 {
		for j := 0; j < len(pairs); j += 2 {
			if pairs[j] == o.keys[i] {
				pairs[j+1] = o.keys[i+1]
				continue next
			}
		}
		pairs = append(pairs, o.keys[i], o.keys[i+1])
	}
	who := []string{"InitiatorName", testInitiator, "SessionType", "Normal", "TargetName", testTarget, "AuthMethod", "None"}
	if o.discovery {
		who = []string{"InitiatorName", testInitiator, "SessionType", "Discovery", "AuthMethod", "None"}
	}
	l := &loginRig{rig: r, isid: [6]byte{0x80, 1, 2, 3, 4, 5}, cid: 7}
	l.ok(securityNext, who...)
	answer := l.ok(toFull, pairs...)
	r.hd, r.dd = answer["HeaderDigest"] == "CRC32C", answer["DataDigest"] == "CRC32C"
	must.Be(r, r.conn.Session() != nil, "no full feature phase; answered %q", answer)
	if o.discovery {
		r.wantEvent(DiscoveryUp)
	} else {
		r.wantEvent(SessionUp)
	}
}

// encode makes the bytes of a PDU of the initiator's.
func (r *rig) encode(h *pdu.BHS, data []byte, ahs ...byte) []byte {
	return rawclient.Digests{Header: r.hd, Data: r.dd}.Append(nil, h, data, ahs...)
}

// send brings a PDU to the target.
func (r *rig) send(h *pdu.BHS, data []byte, ahs ...byte) { r.feed(r.encode(h, data, ahs...)) }

// sendBad is send with a data digest that is wrong.
func (r *rig) sendBad(h *pdu.BHS, data []byte) {
	b := r.encode(h, data)
	b[len(b)-1] ^= 1
	r.feed(b)
}

// feed is the host's receive path, and its pump.
func (r *rig) feed(b []byte) {
	f := r.conn.Framer()
	for len(b) > 0 && !r.host.closed {
		n, st, err := f.Feed(b)
		b = b[n:]
		if err != nil {
			r.conn.HeaderError(r.now, err)
			break
		}
		switch st {
		case pdu.HeaderReady:
			dst := r.conn.Header(r.now)
			if n := f.Header().DataLen(); n > 0 {
				must.Be(r, dst == nil || len(dst) >= n, "room for %d bytes of %d", len(dst), n)
				f.Payload(dst)
			} else {
				r.conn.Payload(r.now, true)
			}
		case pdu.PDUReady:
			r.conn.Payload(r.now, f.DataDigestOK())
		}
		if !r.packed {
			r.pump()
		}
	}
	r.pump()
}

// pump takes all events there are.
func (r *rig) pump() {
	var ev Event
	for r.conn.Next(r.now, r.room, &ev) {
		if ev.Kind != Send {
			r.events = append(r.events, ev)
			if ev.Kind == Execute && r.defers {
				r.conn.Deferred(ev.Task)
			}
			continue
		}
		must.Be(r, r.room, "Send without room")
		r.check(&ev)
		must.Be(r, len(ev.Data) <= MaxCopy || !ev.Copy, "%d bytes to copy", len(ev.Data))
		ev.Header.SetDataLen(len(ev.Data))
		r.got = append(r.got, wire{ev.Header, append([]byte(nil), ev.Data...)})
		if ev.Release != nil {
			r.host.unsent = append(r.host.unsent, ev.Release)
			if !r.host.holdSent {
				r.host.sent()
			}
		}
	}
}

// check is what holds for every PDU of the target's.
func (r *rig) check(ev *Event) {
	r.Helper()
	h := &ev.Header
	if h.DataLen() != len(ev.Data) {
		r.Errorf("%v: DataSegmentLength %d, data %d", h.Opcode(), h.DataLen(), len(ev.Data))
	}
	if h.Opcode() != pdu.OpLoginResponse && (ev.HeaderDigest != r.hd || ev.DataDigest != r.dd) {
		r.Errorf("%v: digests %v %v", h.Opcode(), ev.HeaderDigest, ev.DataDigest)
	}
	in := (*pdu.DataIn)(h)
	stat := in.StatSN()
	switch op := h.Opcode(); {
	case op == pdu.OpDataIn && !in.StatusPresent():
		if stat != 0 {
			r.Errorf("Data-In without status has StatSN %d", stat)
		}
	case op == pdu.OpR2T, op == pdu.OpNOPIn && h.ITT() == pdu.ReservedTag:
		if stat != r.expStatSN {
			r.Errorf("%v: StatSN %d, the next is %d", op, stat, r.expStatSN)
		}
	default:
		if stat != r.expStatSN {
			r.Errorf("%v: StatSN %d, want %d: each response has the next (RFC 7143, 4.2.2.2)", op, stat, r.expStatSN)
		}
		r.expStatSN++
	}
	if r.windowKnown {
		if pdu.SNLess(in.MaxCmdSN(), r.maxCmdSN) {
			r.Errorf("%v: MaxCmdSN went back from %d to %d", h.Opcode(), r.maxCmdSN, in.MaxCmdSN())
		}
		if pdu.SNLess(in.ExpCmdSN(), r.expCmdSN) {
			r.Errorf("%v: ExpCmdSN went back from %d to %d", h.Opcode(), r.expCmdSN, in.ExpCmdSN())
		}
	}
	r.maxCmdSN, r.expCmdSN, r.windowKnown = in.MaxCmdSN(), in.ExpCmdSN(), h.Opcode() != pdu.OpLoginResponse
	if pdu.SNLess(r.maxCmdSN+1, r.expCmdSN) {
		r.Errorf("%v: MaxCmdSN %d is below ExpCmdSN %d - 1", h.Opcode(), r.maxCmdSN, r.expCmdSN)
	}
}

// want takes the next PDU of the target's.
func (r *rig) want(op pdu.Opcode, because string) wire {
	r.Helper()
	must.Be(r, len(r.got) != 0, "no PDU; want %v, because %s", op, because)
	w := r.got[0]
	r.got = r.got[1:]
	must.Be(r, w.h.Opcode() == op, "got %v; want %v, because %s", w, op, because)
	return w
}

// wantEvent takes the next event that is no Send.
func (r *rig) wantEvent(kind EventKind) Event {
	r.Helper()
	must.Be(r, len(r.events) != 0, "no event; want kind %d", kind)
	ev := r.events[0]
	r.events = r.events[1:]
	must.Be(r, ev.Kind == kind, "event kind %d (%v); want %d", ev.Kind, ev.Reason, kind)
	return ev
}

func (r *rig) wantExecute(because string) *Task {
	r.Helper()
	must.Be(r, len(r.events) != 0, "nothing is executed; %s", because)
	return r.wantEvent(Execute).Task
}

// wantIdle says that the target has nothing more to say or do.
func (r *rig) wantIdle(because string) {
	r.Helper()
	if len(r.got) > 0 {
		r.Fatalf("got %v; want nothing, because %s", r.got[0], because)
	}
	if len(r.events) > 0 {
		r.Fatalf("event kind %d (%v); want none, because %s", r.events[0].Kind, r.events[0].Reason, because)
	}
}

func (r *rig) wantReject(reason pdu.RejectReason, of *pdu.BHS, because string) {
	r.Helper()
	w := r.want(pdu.OpReject, because)
	if got := (*pdu.Reject)(&w.h).Reason(); got != reason {
		r.Errorf("Reject reason %#x; want %#x, because %s", got, reason, because)
	}
	if w.h.ITT() != pdu.ReservedTag {
		r.Errorf("Reject has ITT %#x (RFC 7143, 11.17)", w.h.ITT())
	}
	if of != nil && !bytes.Equal(w.data, of[:]) {
		r.Errorf("Reject carries %x; want the complete header of the bad PDU %x (RFC 7143, 11.17.4)", w.data, of[:])
	}
}

func (r *rig) wantStatus(itt uint32, status byte, because string) *pdu.SCSIResponse {
	r.Helper()
	w := r.want(pdu.OpSCSIResponse, because)
	resp := (*pdu.SCSIResponse)(&w.h)
	if resp.ITT() != itt || resp.Status() != status || resp.Response() != pdu.ServiceResponseCompleted {
		r.Fatalf("response for %#x: %#x status %#x; want %#x status %#x, because %s", resp.ITT(), resp.Response(), resp.Status(), itt, status, because)
	}
	return resp
}

func (r *rig) wantSense(itt uint32, sense senseCode, because string) *pdu.SCSIResponse {
	r.Helper()
	must.Be(r, len(r.got) != 0, "no PDU; want sense %06x, because %s", uint32(sense), because)
	d := r.got[0].data
	resp := r.wantStatus(itt, statusCheckCondition, because)
	must.Be(r, len(d) >= 2+fixedSenseLen && int(d[0])<<8|int(d[1]) == len(d)-2, "sense data segment %x (RFC 7143, 11.4.7)", d)
	if got := senseCode(d[4]&0xf)<<16 | senseCode(d[14])<<8 | senseCode(d[15]); got != sense {
		r.Fatalf("sense %06x; want %06x, because %s", uint32(got), uint32(sense), because)
	}
	return resp
}

// complete is the backend's answer to an Execute.
func (r *rig) complete(t *Task, res Result) {
	r.Helper()
	t.Result = res
	r.conn.Complete(r.now, t)
	r.pump()
}

// wantNoTasks says that every task went back to the host.
func (r *rig) wantNoTasks() {
	r.Helper()
	if len(r.host.live) != 0 || r.conn.live != 0 || r.conn.tags.n != 0 || r.conn.immediates != 0 {
		r.Fatalf("tasks: host has %d out, conn %d, tagged %d, immediate %d", len(r.host.live), r.conn.live, r.conn.tags.n, r.conn.immediates)
	}
	r.wantNoMemory()
}

// wantNoMemory checks that the host has got back all memory except data-out.
func (r *rig) wantNoMemory() {
	r.Helper()
	if n := len(r.host.memory); n != 0 {
		r.Fatalf("%d blocks of memory are still out", n)
	}
}

// Requests.

func (r *rig) nextITT() uint32 { r.itt++; return r.itt }

// request makes a request with the initiator's numbers.
func (r *rig) request(op pdu.Opcode, itt uint32) *pdu.BHS {
	return rawclient.Request(op, itt, r.cmdSN, r.expStatSN)
}

// command makes a SCSI Command for LUN 0 with the next ITT and CmdSN.
func (r *rig) command(read, write bool, edtl uint32) *pdu.SCSICommand {
	h := (*pdu.SCSICommand)(r.request(pdu.OpSCSICommand, r.nextITT()))
	h.SetFinal(true)
	h.SetRead(read)
	h.SetWrite(write)
	h.SetAttr(pdu.TaskAttrSimple)
	h.SetExpectedDataTransferLength(edtl)
	r.cmdSN++
	return h
}

func (r *rig) read(edtl uint32) *pdu.SCSICommand  { return r.command(true, false, edtl) }
func (r *rig) write(edtl uint32) *pdu.SCSICommand { return r.command(false, true, edtl) }

// immediate turns a request into an immediate one, which takes no CmdSN (RFC 7143, 4.2.2.1).
func (r *rig) immediate(h *pdu.BHS) {
	h.SetImmediate(true)
	r.cmdSN--
}

// dataOut makes a Data-Out PDU.
func (r *rig) dataOut(itt, ttt, sn, offset uint32, final bool) *pdu.DataOut {
	var b pdu.BHS
	b.Init(pdu.OpDataOut)
	h := (*pdu.DataOut)(&b)
	h.SetFinal(final)
	h.SetITT(itt)
	h.SetTTT(ttt)
	h.SetDataSN(sn)
	h.SetBufferOffset(offset)
	h.SetExpStatSN(r.expStatSN)
	return h
}

func (r *rig) manage(f pdu.TaskFunction, immediate bool) *pdu.TaskManagementRequest {
	h := (*pdu.TaskManagementRequest)(r.request(pdu.OpTaskManagementRequest, r.nextITT()))
	h.SetFunction(f)
	h.SetReferencedTaskTag(pdu.ReservedTag)
	if immediate {
		h.SetImmediate(true)
	} else {
		r.cmdSN++
	}
	return h
}

func (r *rig) wantManaged(itt uint32, resp pdu.TaskResponse, because string) *pdu.TaskManagementResponse {
	r.Helper()
	w := r.want(pdu.OpTaskManagementResponse, because)
	h := (*pdu.TaskManagementResponse)(&w.h)
	if h.ITT() != itt || h.Response() != resp {
		r.Fatalf("function response for %#x: %d; want %#x: %d, because %s", h.ITT(), h.Response(), itt, resp, because)
	}
	return h
}

// pattern is n bytes that say where they belong.
func pattern(from, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		v := from + i
		b[i] = byte(v ^ v>>8 ^ v>>16)
	}
	return b
}

// fakeHost is a Host that does what a test says.
type fakeHost struct {
	place    int            // Place's result
	placed   []int          // Place's arguments: last, then loops
	onNexus  func(*Session) // called by NewNexus
	foreign  error          // NewNexus's error
	rig      *rig
	tasks    int // NewTask gives so many at a time
	live     map[*Task]bool
	takes    func(*Task) int // bytes that the command takes; nil: EDTL
	answer   OutState
	unsent   []*Task
	holdSent bool
	closed   bool
	posts    []Message
	short    bool // Memory has none
	most     int  // Memory has none longer than this; 0: no limit
	memory   map[*byte][]byte
}

// Memory returns a slice that Release recognises.
func (h *fakeHost) Memory(n int) []byte {
	if h.short || h.most != 0 && n > h.most {
		return nil
	}
	b := bytes.Repeat([]byte{0xee}, n)
	if h.memory == nil {
		h.memory = map[*byte][]byte{}
	}
	h.memory[&b[0]] = b
	return b
}

// Release overwrites the memory, to expose late readers.
func (h *fakeHost) Release(b []byte) {
	if h.memory[&b[0]] == nil {
		panic("memory is given back twice, or is not the host's")
	}
	delete(h.memory, &b[0])
	for i := range b {
		b[i] = 0xdd
	}
}

func (h *fakeHost) NewNexus(s *Session) error {
	if h.onNexus != nil {
		h.onNexus(s)
	}
	return h.foreign
}

func (h *fakeHost) NewTask(*Conn) *Task {
	if len(h.live) >= h.tasks {
		return nil
	}
	t := &Task{}
	h.live[t] = true
	return t
}

func (h *fakeHost) DataOut(t *Task, may bool) OutState {
	if h.answer == OutLater && !may {
		return OutRefused
	}
	if h.answer == OutReady {
		h.give(t)
	}
	return h.answer
}

// give makes the memory of a command's data-out.
func (h *fakeHost) give(t *Task) {
	n := int(t.EDTL)
	if h.takes != nil {
		n = min(n, h.takes(t))
	}
	t.Out = bytes.Repeat([]byte{0xee}, n)
}

func (h *fakeHost) FreeTask(t *Task) {
	if !h.live[t] {
		panic("task is freed twice")
	}
	delete(h.live, t)
}

func (h *fakeHost) Post(m Message) { h.posts = append(h.posts, m) }
func (h *fakeHost) Wake(int)       {}

// Place keeps the connection where it is, or moves it where the test wants it.
func (h *fakeHost) Place(loops []int, last int) int {
	h.placed = append([]int{last}, loops...)
	return h.place
}

// sent reports everything that was handed over as sent.
func (h *fakeHost) sent() {
	for _, t := range h.unsent {
		h.rig.conn.Sent(h.rig.now, t)
	}
	h.unsent = nil
}

// closeNow is the host's part of a connection's end.
func (r *rig) closeNow() {
	r.host.closed = true
	r.host.unsent = nil
	r.conn.Closed(r.now)
	r.pump()
}
