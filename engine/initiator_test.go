package engine

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/rawclient"
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
	e.SetDevices(target)
	for i, b := range backends {
		if _, err := target.AddUnit(i, lun.UnitConfig{Backend: b, ID: fmt.Sprint("unit", i), Thin: b.Geometry().Thin}); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Start(); err != nil {
		t.Fatal(err)
	}
	addr := e.Portals()[0].String()
	cfg.Node.SetTargets([]*session.Target{{Name: testTarget, Portals: []session.Portal{{Addr: addr, TPGT: 1}}}})
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

// initiator is the other end of one connection. Its methods fail the test when nothing comes.
type initiator struct {
	*rawclient.Client
	t testing.TB
}

// dial connects without a login.
func (r *rig) dial() *initiator {
	r.t.Helper()
	c, err := rawclient.Dial(r.addr, 60*time.Second) // each PDU: a hang is a failure, not a stuck test run
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close() })
	return &initiator{c, r.t}
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
	return i.join(isid, 0, 0, text)
}

// join is operational for a connection of the session with the TSIH; 0: a new one.
func (i *initiator) join(isid byte, tsih, cid uint16, text []byte) uint16 {
	i.t.Helper()
	l := rawclient.OneRequest([6]byte{0x80, 0, 0, 0, 0, isid})
	l.TSIH, l.CID, l.CmdSN, l.ExpStatSN = tsih, cid, i.CmdSN, i.ExpStatSN
	p, err := i.LogIn(l, text)
	if err != nil {
		i.t.Fatalf("login: %v", err)
	}
	if p.Status() != pdu.LoginSuccess || !p.Transit() {
		i.t.Fatalf("login answered status %#x", uint16(p.Status()))
	}
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
	if err := i.Send(h, data); err != nil {
		i.t.Fatalf("send: %v", err)
	}
}

// read reads the next PDU into Header and Data.
func (i *initiator) read() {
	i.t.Helper()
	if err := i.Recv(); err != nil {
		i.t.Fatalf("read: %v", err)
	}
}

// command fills in a SCSI command and returns its ITT.
func (i *initiator) command(h *pdu.BHS, lun byte, cdb []byte, edtl int, write bool) uint32 {
	*h = *i.Command(lun, cdb, edtl, write)
	return h.ITT()
}

// startWrite sends a WRITE(10) with all its data immediate.
func (i *initiator) startWrite(lun byte, lba uint32, data []byte) uint32 {
	i.t.Helper()
	var h pdu.BHS
	itt := i.command(&h, lun, rawclient.RW10(true, lba, uint16(len(data)/512)), len(data), true)
	i.send(&h, data)
	return itt
}

// startRead sends a READ(10).
func (i *initiator) startRead(lun byte, lba uint32, blocks int) uint32 {
	i.t.Helper()
	var h pdu.BHS
	itt := i.command(&h, lun, rawclient.RW10(false, lba, uint16(blocks)), blocks*512, false)
	i.send(&h, nil)
	return itt
}

// finish reads to the end of a command and returns its status and data-in.
func (i *initiator) finish(itt uint32) (status byte, in []byte) {
	i.t.Helper()
	a, err := i.Answer()
	if err != nil || a.ITT != itt {
		i.t.Fatalf("an answer for ITT %d, want %d: %v", a.ITT, itt, err)
	}
	return a.Status, a.Data
}

// ping sends a NOP-Out and wants its data back.
func (i *initiator) ping() {
	i.t.Helper()
	i.send(i.Next(pdu.OpNOPOut, true), []byte("ping"))
	i.read()
	if i.Header.Opcode() != pdu.OpNOPIn || i.Header.ITT() != i.ITT || string(i.Data) != "ping" {
		i.t.Fatalf("ping answered %v %q", i.Header.Opcode(), i.Data)
	}
	i.ExpStatSN = (*pdu.NOPIn)(&i.Header).StatSN() + 1
}

// manage sends an immediate task-management function.
func (i *initiator) manage(f pdu.TaskFunction, lun byte, ref, refCmdSN uint32) uint32 {
	i.t.Helper()
	q := i.Manage(f, lun, true)
	q.SetReferencedTaskTag(ref)
	q.SetRefCmdSN(refCmdSN)
	i.send(q.BHS(), nil)
	return i.ITT
}
