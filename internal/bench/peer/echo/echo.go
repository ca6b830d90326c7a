// Package echo is a bare TCP responder with the sizes of an iSCSI read: it receives 48 bytes, and sends 48 plus as many data bytes
// as requested. A target's latency at depth 1 is compared with it. It has one thread and uses blocking system calls.
//
// Its client is the initiator that measures targets, so the initiator's cost is on both sides. The responder therefore answers
// the login and logout of one connection, and fills in the words that an answer needs to match its request (Initiator Task Tag,
// StatSN, ExpCmdSN, MaxCmdSN, and the length of the data). It has no command window, no queue and no device. Whatever a command
// reads, it gets the same bytes, whose first ones pass for a disk in INQUIRY and READ CAPACITY(16) data. Ping is a client without
// iSCSI.
package echo

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"syscall"
	"unsafe"

	"github.com/ringtgt/ringtgt/pdu"
	"golang.org/x/sys/unix"
)

// Every bound, with its reason.
const (
	// MaxData is the most data an answer has: the longest PDU that the initiator takes.
	MaxData = 256 << 10
	// maxText is the text of a login request in one PDU, which the responder takes no second of.
	maxText = 8 << 10
	// window is how many commands beyond the expected one may be sent.
	window = 128
	// listenerFD is the first descriptor that exec.Cmd.ExtraFiles hands over.
	listenerFD = 3
)

// Main is the responder's process: it serves the listening socket that it was given as its first extra file, one connection after
// the other, and does not return but with an error. It wants the process for itself: the collector is off, and reads
// block without the runtime's knowledge.
func Main() error {
	runtime.LockOSThread()
	debug.SetGCPercent(-1)
	f := os.NewFile(listenerFD, "listener")
	if f == nil {
		return errors.New("echo: no listening socket was handed over")
	}
	l, err := net.FileListener(f)
	if err != nil {
		return fmt.Errorf("echo: %w", err)
	}
	f.Close()
	s := &server{out: make([]byte, pdu.BHSLen+MaxData), in: make([]byte, maxText)}
	data := s.out[pdu.BHSLen:]
	for i := range data {
		data[i] = byte(i*31 + 7)
	}
	copy(data, disk[:])
	for {
		nc, err := l.Accept()
		if err != nil {
			return fmt.Errorf("echo: %w", err)
		}
		fd, err := blocking(nc.(*net.TCPConn))
		if err != nil {
			return err
		}
		s.serve(fd)
		_ = unix.Close(fd)
	}
}

// disk is the beginning of all data. As standard INQUIRY data (SPC-4 6.6.2) it is a disk, as READ CAPACITY(16) data (SBC-3 5.16.2) it
// is 2^31 blocks of 512 bytes, and as the VPD page B0h that it is not, nothing.
var disk = [36]byte{4: 0x7f, 5: 0xff, 6: 0xff, 7: 0xff, 10: 2}

// blocking takes the socket out of the runtime's hands. TCP_NODELAY is on: Go's default (tcp(7)).
func blocking(nc *net.TCPConn) (int, error) {
	defer nc.Close()
	raw, err := nc.SyscallConn()
	if err != nil {
		return -1, fmt.Errorf("echo: %w", err)
	}
	fd := -1
	if cerr := raw.Control(func(old uintptr) {
		if fd, err = unix.Dup(int(old)); err == nil {
			unix.CloseOnExec(fd)
			err = unix.SetNonblock(fd, false)
		}
	}); cerr != nil {
		err = cerr
	}
	if err != nil {
		return -1, fmt.Errorf("echo: %w", err)
	}
	return fd, nil
}

// server is the state of one connection.
type server struct {
	req    [pdu.BHSLen]byte
	in     []byte // text of a login
	out    []byte // header and data of an answer
	statSN uint32
}

// serve answers until the peer closes, or says what there is no answer to.
func (s *server) serve(fd int) {
	s.statSN = 1
	for s.recv(fd, s.req[:]) {
		h := (*pdu.BHS)(&s.req)
		if h.Opcode() == pdu.OpSCSICommand {
			if !s.answer(fd, (*pdu.SCSICommand)(h)) {
				return
			}
			continue
		}
		if !s.other(fd, h) {
			return
		}
	}
}

// answer sends a Data-In with status (RFC 7143, 11.7), or a SCSI Response (11.4) to a command without data. No benchmark writes here.
func (s *server) answer(fd int, c *pdu.SCSICommand) bool {
	n := int(c.ExpectedDataTransferLength())
	if n < 0 || n > MaxData || n%4 != 0 || c.Write() || c.BHS().DataLen() != 0 || c.BHS().AHSLen() != 0 {
		return false
	}
	if n == 0 {
		var h pdu.BHS
		h.SetOpcode(pdu.OpSCSIResponse)
		h[1] = 0x80 // reserved bit, 1 (11.4.1)
		h.SetITT(c.BHS().ITT())
		s.stamp(&h, c.CmdSN()+1)
		return s.send(fd, h[:])
	}
	h := (*pdu.BHS)(s.out[:pdu.BHSLen])
	h.Reset()
	h.SetOpcode(pdu.OpDataIn)
	d := (*pdu.DataIn)(h)
	d.SetFinal(true)
	d.SetStatusPresent(true)
	h.SetDataLen(n)
	d.SetITT(c.ITT())
	d.SetTTT(pdu.ReservedTag)
	s.stamp(h, c.CmdSN()+1)
	return s.send(fd, s.out[:pdu.BHSLen+n])
}

// stamp numbers an answer that uses up a StatSN.
func (s *server) stamp(h *pdu.BHS, expCmdSN uint32) {
	h.SetStatSN(s.statSN)
	h.SetExpMaxCmdSN(expCmdSN, expCmdSN+window)
	s.statSN++
}

// recv fills b. The system call is a raw one: the runtime would hand this thread's work to others while it waits, and there is
// no work.
func (s *server) recv(fd int, b []byte) bool {
	for len(b) > 0 {
		n, _, e := syscall.RawSyscall6(syscall.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), syscall.MSG_WAITALL, 0, 0)
		if e == syscall.EINTR {
			continue
		}
		if e != 0 || n == 0 {
			return false
		}
		b = b[n:]
	}
	return true
}

func (s *server) send(fd int, b []byte) bool {
	for len(b) > 0 {
		n, _, e := syscall.RawSyscall6(syscall.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), syscall.MSG_NOSIGNAL, 0, 0)
		if e == syscall.EINTR {
			continue
		}
		if e != 0 {
			return false
		}
		b = b[n:]
	}
	return true
}

// request makes the 48 bytes of a READ(16) for n bytes of 512-byte blocks.
func request(h *pdu.BHS, n int) {
	h.Reset()
	h.SetOpcode(pdu.OpSCSICommand)
	c := (*pdu.SCSICommand)(h)
	c.SetFinal(true)
	c.SetRead(true)
	c.SetExpectedDataTransferLength(uint32(n))
	c.CDB()[0] = 0x88
	binary.BigEndian.PutUint32(c.CDB()[10:], uint32(n/512))
}
