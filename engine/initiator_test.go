package engine

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/backend"
	"github.com/ringtgt/ringtgt/pdu"
	"github.com/ringtgt/ringtgt/session"
)

const testTarget = "iqn.2026-11.io.ringtgt:test"

// rig is a running engine with one target on loopback.
type rig struct {
	t      testing.TB
	e      *Engine
	target *lun.Target
	addr   string
}

// newRig serves the backends as LUN 0, 1, ... on n loops that are not pinned.
func newRig(t testing.TB, n int, backends ...lun.Backend) *rig {
	t.Helper()
	return newRigWith(t, Config{Cores: make([]int, n)}, session.NodeConfig{}, backends...)
}

func newRigWith(t testing.TB, cfg Config, node session.NodeConfig, backends ...lun.Backend) *rig {
	t.Helper()
	return newRigOn(t, cfg, node, func(*Engine) {}, backends...)
}

// newRigOn is newRigWith; prepare may change the engine before it starts.
func newRigOn(t testing.TB, cfg Config, node session.NodeConfig, prepare func(e *Engine), backends ...lun.Backend) *rig {
	t.Helper()
	for i := range cfg.Cores {
		cfg.Cores[i] = -1
	}
	cfg.Node = session.NewNode(node)
	cfg.Portals = []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0")}
	e, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	prepare(e)
	target := lun.NewTarget(lun.TargetConfig{Name: testTarget, Ports: []lun.Port{{TPGT: 1, RelPort: 1}}, Aborter: e, Loops: len(e.loops)})
	for i, b := range backends {
		if _, err := target.AddUnit(i, lun.UnitConfig{Backend: b, ID: fmt.Sprint("unit", i), Thin: b.Geometry().Thin}); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Start(); err != nil {
		t.Fatal(err)
	}
	addr := e.Portals()[0].String()
	cfg.Node.SetTargets([]*session.Target{{Name: testTarget, Portals: []session.Portal{{Addr: addr, TPGT: 1}}, Owner: target}})
	r := &rig{t: t, e: e, target: target, addr: addr}
	t.Cleanup(e.Shutdown)
	return r
}

func memory(t testing.TB, size int64) lun.Backend {
	t.Helper()
	b, err := backend.Open(backend.Spec{Kind: backend.KindMemory, Size: size, Thin: true})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// initiator is the other end of one connection: it sends PDUs and reads them, and fails the test when nothing comes.
type initiator struct {
	t         testing.TB
	c         net.Conn
	itt       uint32
	cmdSN     uint32
	expStatSN uint32
	hdr       pdu.BHS
	data      []byte
	out       []byte
}

// dial connects without a login.
func (r *rig) dial() *initiator {
	r.t.Helper()
	c, err := net.Dial("tcp", r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(60 * time.Second)) // a hang is a failure, not a stuck test run
	return &initiator{t: r.t, c: c, cmdSN: 1, data: make([]byte, 0, 1<<20)}
}

// login connects, logs in to the test target with an ISID of its own, and waits until its units are ready.
func (r *rig) login(isid byte, keys ...string) *initiator {
	r.t.Helper()
	i := r.enter(isid, keys...)
	// A new I_T nexus is told of the power-on by a unit attention on each unit (SAM-5 5.14).
	for l := range r.target.Units() {
		i.clearAttention(byte(l))
	}
	return i
}

// enter is login without a command.
func (r *rig) enter(isid byte, keys ...string) *initiator {
	r.t.Helper()
	i := r.dial()
	var text []byte
	all := append([]string{
		"InitiatorName", fmt.Sprintf("iqn.2026-11.test:%d", isid), "TargetName", testTarget, "SessionType", "Normal",
		"HeaderDigest", "None", "DataDigest", "None", "MaxRecvDataSegmentLength", "262144", "InitialR2T", "No",
		"ImmediateData", "Yes", "DefaultTime2Retain", "0", "MaxBurstLength", "1048576", "FirstBurstLength", "262144",
	}, keys...)
	for k := 0; k < len(all); k += 2 {
		value := all[k+1]
		for j := k + 2; j < len(all); j += 2 {
			if all[j] == all[k] { // the caller's value instead
				value, all[j] = all[j+1], ""
			}
		}
		if all[k] != "" {
			text = pdu.AppendText(text, all[k], value)
		}
	}
	i.operational(isid, text)
	return i
}

// operational negotiates keys in the operational stage and enters full feature phase. It returns the TSIH.
func (i *initiator) operational(isid byte, text []byte) uint16 {
	i.t.Helper()
	var h pdu.BHS
	h.Init(pdu.OpLoginRequest)
	q := (*pdu.LoginRequest)(&h)
	q.SetImmediate(true)
	q.SetTransit(true)
	q.SetCSG(pdu.StageLoginOperationalNegotiation)
	q.SetNSG(pdu.StageFullFeaturePhase)
	q.SetISID([6]byte{0x80, 0, 0, 0, 0, isid})
	q.SetCmdSN(i.cmdSN)
	q.SetExpStatSN(i.expStatSN)
	i.send(&h, text)
	i.read()
	p := (*pdu.LoginResponse)(&i.hdr)
	if i.hdr.Opcode() != pdu.OpLoginResponse || p.Status() != pdu.LoginSuccess || !p.Transit() {
		i.t.Fatalf("login answered %v status %#x", i.hdr.Opcode(), uint16(p.Status()))
	}
	i.expStatSN = p.StatSN() + 1
	return p.TSIH()
}

// clearAttention asks until the unit is ready.
func (i *initiator) clearAttention(lun byte) {
	i.t.Helper()
	for range 10 {
		var h pdu.BHS
		itt := i.command(&h, lun, make([]byte, 6), 0, false)
		i.send(&h, nil)
		if st, _ := i.finish(itt); st == 0 {
			return
		}
	}
	i.t.Fatal("the unit does not become ready")
}

// send writes a PDU.
func (i *initiator) send(h *pdu.BHS, data []byte) {
	i.t.Helper()
	h.SetDataLen(len(data))
	i.out = append(append(i.out[:0], h[:]...), data...)
	i.out = append(i.out, make([]byte, pdu.Pad(len(data)))...)
	if _, err := i.c.Write(i.out); err != nil {
		i.t.Fatalf("send: %v", err)
	}
}

// read reads the next PDU into hdr and data.
func (i *initiator) read() {
	i.t.Helper()
	if err := i.tryRead(); err != nil {
		i.t.Fatalf("read: %v", err)
	}
}

func (i *initiator) tryRead() error {
	if _, err := io.ReadFull(i.c, i.hdr[:]); err != nil {
		return err
	}
	n := i.hdr.DataLen()
	i.data = i.data[:cap(i.data)][:n+pdu.Pad(n)]
	_, err := io.ReadFull(i.c, i.data)
	i.data = i.data[:n]
	return err
}

// command fills in a SCSI command.
func (i *initiator) command(h *pdu.BHS, lun byte, cdb []byte, edtl int, write bool) uint32 {
	h.Init(pdu.OpSCSICommand)
	q := (*pdu.SCSICommand)(h)
	q.SetFinal(true)
	q.SetAttr(pdu.TaskAttrSimple)
	q.SetRead(!write && edtl > 0)
	q.SetWrite(write)
	h.SetLUN(uint64(lun) << 48)
	i.itt++
	h.SetITT(i.itt)
	q.SetExpectedDataTransferLength(uint32(edtl))
	q.SetCmdSN(i.cmdSN)
	q.SetExpStatSN(i.expStatSN)
	i.cmdSN++
	copy(q.CDB()[:], cdb)
	return i.itt
}

// rw10 is a READ(10) or WRITE(10) CDB.
func rw10(write bool, lba uint32, blocks uint16) []byte {
	cdb := make([]byte, 10)
	cdb[0] = 0x28
	if write {
		cdb[0] = 0x2a
	}
	binary.BigEndian.PutUint32(cdb[2:], lba)
	binary.BigEndian.PutUint16(cdb[7:], blocks)
	return cdb
}

// startWrite sends a WRITE(10) with all its data immediate.
func (i *initiator) startWrite(lun byte, lba uint32, data []byte) uint32 {
	i.t.Helper()
	var h pdu.BHS
	itt := i.command(&h, lun, rw10(true, lba, uint16(len(data)/512)), len(data), true)
	i.send(&h, data)
	return itt
}

// startRead sends a READ(10).
func (i *initiator) startRead(lun byte, lba uint32, blocks int) uint32 {
	i.t.Helper()
	var h pdu.BHS
	itt := i.command(&h, lun, rw10(false, lba, uint16(blocks)), blocks*512, false)
	i.send(&h, nil)
	return itt
}

// finish reads to the end of a command and returns its status and data-in.
func (i *initiator) finish(itt uint32) (status byte, in []byte) {
	i.t.Helper()
	for {
		i.read()
		if i.hdr.ITT() != itt {
			i.t.Fatalf("%v for ITT %d, want %d", i.hdr.Opcode(), i.hdr.ITT(), itt)
		}
		switch i.hdr.Opcode() {
		case pdu.OpDataIn:
			in = append(in, i.data...)
			if d := (*pdu.DataIn)(&i.hdr); d.StatusPresent() {
				i.expStatSN = d.StatSN() + 1
				return byte(d.Status()), in
			}
		case pdu.OpSCSIResponse:
			r := (*pdu.SCSIResponse)(&i.hdr)
			i.expStatSN = r.StatSN() + 1
			return byte(r.Status()), in
		default:
			i.t.Fatalf("unexpected %v", i.hdr.Opcode())
		}
	}
}

// noop is a ping; it comes back.
func (i *initiator) ping() {
	i.t.Helper()
	var h pdu.BHS
	h.Init(pdu.OpNOPOut)
	h.SetImmediate(true)
	h.SetFinal(true)
	q := (*pdu.NOPOut)(&h)
	i.itt++
	h.SetITT(i.itt)
	q.SetTTT(pdu.ReservedTag)
	q.SetCmdSN(i.cmdSN)
	q.SetExpStatSN(i.expStatSN)
	i.send(&h, []byte("ping"))
	i.read()
	if i.hdr.Opcode() != pdu.OpNOPIn || i.hdr.ITT() != i.itt || string(i.data) != "ping" {
		i.t.Fatalf("ping answered %v %q", i.hdr.Opcode(), i.data)
	}
	i.expStatSN = (*pdu.NOPIn)(&i.hdr).StatSN() + 1
}

// manage sends an immediate task-management function.
func (i *initiator) manage(f pdu.TaskFunction, lun byte, ref, refCmdSN uint32) uint32 {
	i.t.Helper()
	var h pdu.BHS
	h.Init(pdu.OpTaskManagementRequest)
	h.SetImmediate(true)
	q := (*pdu.TaskManagementRequest)(&h)
	h.SetFinal(true)
	q.SetFunction(f)
	h.SetLUN(uint64(lun) << 48)
	i.itt++
	h.SetITT(i.itt)
	q.SetReferencedTaskTag(ref)
	q.SetRefCmdSN(refCmdSN)
	q.SetCmdSN(i.cmdSN)
	q.SetExpStatSN(i.expStatSN)
	i.send(&h, nil)
	return i.itt
}
