package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"time"

	"github.com/ringtgt/ringtgt/pdu"
)

// witnessTime is what the working initiator bears: no command takes a hundredth of it on an idle machine.
const witnessTime = 2 * time.Minute

// witness writes and reads blocks of a target of its own and holds what it reads against what it wrote, until ctx ends.
func witness(ctx context.Context, addr string, seed uint64) error {
	tcp, err := net.DialTimeout("tcp", addr, dialTime)
	if err != nil {
		return err
	}
	defer tcp.Close()
	w := &working{tcp: tcp}
	if err := w.login(); err != nil {
		return fmt.Errorf("login: %w", err)
	}
	const blocks, regions = 8, 512
	rng := rand.New(rand.NewPCG(seed, 0x7769746e657373))
	written := map[uint32]uint64{}
	for n := 0; ctx.Err() == nil; n++ {
		at := uint32(rng.IntN(regions))
		if tag, ok := written[at]; ok && rng.IntN(2) == 0 {
			data, err := w.command(0x28, at*blocks, blocks, nil)
			if err != nil {
				return fmt.Errorf("read %d: %w", n, err)
			}
			if !bytes.Equal(data, stamp(tag, blocks*512)) {
				return fmt.Errorf("read %d: LBA %d holds something else than was written", n, at*blocks)
			}
			continue
		}
		tag := rng.Uint64()
		if _, err := w.command(0x2A, at*blocks, blocks, stamp(tag, blocks*512)); err != nil {
			return fmt.Errorf("write %d: %w", n, err)
		}
		written[at] = tag
	}
	return nil
}

func stamp(tag uint64, n int) []byte {
	b := make([]byte, n)
	for i := 0; i < n; i += 8 {
		binary.LittleEndian.PutUint64(b[i:], tag+uint64(i))
	}
	return b
}

// working is an initiator that does everything right.
type working struct {
	tcp               net.Conn
	itt, cmdSN, expSN uint32
}

func (w *working) send(h *pdu.BHS, data []byte) error {
	w.tcp.SetDeadline(time.Now().Add(witnessTime))
	_, err := w.tcp.Write(encode(h, data))
	return err
}

func (w *working) recv() (h pdu.BHS, data []byte, err error) {
	if _, err = io.ReadFull(w.tcp, h[:]); err != nil {
		return h, nil, err
	}
	data = make([]byte, (h.DataLen()+3)&^3)
	_, err = io.ReadFull(w.tcp, data)
	return h, data[:h.DataLen()], err
}

func (w *working) login() error {
	var h pdu.BHS
	h.Init(pdu.OpLoginRequest)
	q := (*pdu.LoginRequest)(&h)
	q.SetImmediate(true)
	q.SetTransit(true)
	q.SetCSG(pdu.StageLoginOperationalNegotiation)
	q.SetNSG(pdu.StageFullFeaturePhase)
	q.SetISID([6]byte{0x80, 0, 0, 0, 0xff, 1})
	text := pdu.AppendText(nil, "InitiatorName", "iqn.2026-11.test.witness:1")
	text = pdu.AppendText(text, "TargetName", quietTarget)
	if err := w.send(&h, text); err != nil {
		return err
	}
	r, _, err := w.recv()
	if err != nil {
		return err
	}
	p := (*pdu.LoginResponse)(&r)
	if r.Opcode() != pdu.OpLoginResponse || p.Status() != pdu.LoginSuccess {
		return fmt.Errorf("status %#04x", uint16(p.Status()))
	}
	w.cmdSN, w.expSN = p.ExpCmdSN(), p.StatSN()+1
	for range 8 { // unit attentions of a new nexus (SAM-5 5.14)
		if _, err = w.command(0, 0, 0, nil); err == nil {
			return nil
		}
	}
	return err
}

var errStatus = errors.New("SCSI status")

// command sends a CDB of ten bytes and waits for its status; data is the data-out, all of it immediate.
func (w *working) command(op byte, lba uint32, blocks uint16, out []byte) ([]byte, error) {
	var h pdu.BHS
	h.Init(pdu.OpSCSICommand)
	c := (*pdu.SCSICommand)(&h)
	c.SetFinal(true)
	c.SetAttr(pdu.TaskAttrSimple)
	w.itt++
	c.SetITT(w.itt)
	c.SetCmdSN(w.cmdSN)
	w.cmdSN++
	c.SetExpStatSN(w.expSN)
	c.SetExpectedDataTransferLength(uint32(blocks) * 512)
	c.SetWrite(out != nil)
	c.SetRead(out == nil && blocks > 0)
	cdb := c.CDB()
	cdb[0] = op
	if blocks > 0 {
		binary.BigEndian.PutUint32(cdb[2:], lba)
		binary.BigEndian.PutUint16(cdb[7:], blocks)
	}
	if err := w.send(&h, out); err != nil {
		return nil, err
	}
	var in []byte
	for {
		r, data, err := w.recv()
		if err != nil {
			return nil, err
		}
		switch r.Opcode() {
		case pdu.OpDataIn:
			in = append(in, data...)
			if d := (*pdu.DataIn)(&r); d.StatusPresent() {
				w.expSN = d.StatSN() + 1
				return in, status(d.Status())
			}
		case pdu.OpSCSIResponse:
			s := (*pdu.SCSIResponse)(&r)
			w.expSN = s.StatSN() + 1
			return in, status(s.Status())
		case pdu.OpNOPIn:
			if err := w.pong(&r); err != nil {
				return nil, err
			}
		default:
			return nil, fmt.Errorf("the target sends %v", r.Opcode())
		}
	}
}

func status(s byte) error {
	if s != 0 {
		return fmt.Errorf("%w %02Xh", errStatus, s)
	}
	return nil
}

func (w *working) pong(ping *pdu.BHS) error {
	var h pdu.BHS
	h.Init(pdu.OpNOPOut)
	h.SetImmediate(true)
	h.SetITT(pdu.ReservedTag)
	h.SetLUN(ping.LUN())
	n := (*pdu.NOPOut)(&h)
	n.SetTTT((*pdu.NOPIn)(ping).TTT())
	n.SetCmdSN(w.cmdSN)
	n.SetExpStatSN(w.expSN)
	return w.send(&h, nil)
}
