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
	"fmt"
	"runtime"
	"runtime/debug"
	"syscall"
	"unsafe"

	"github.com/ringtgt/ringtgt/internal/bench/peer/script"
	"github.com/ringtgt/ringtgt/pdu"
	"golang.org/x/sys/unix"
)

// Every bound, with its reason.
const (
	// MaxData is the most data an answer has: the longest PDU that the initiator takes.
	MaxData = 256 << 10
	// window is how many commands beyond the expected one may be sent.
	window = 128
	// listenerFD is the first descriptor that exec.Cmd.ExtraFiles hands over.
	listenerFD = 3
)

// Main is the responder's process: it serves the listening socket that it was given as its first extra file, one connection after
// the other, and returns only with an error. It wants the process for itself: the collector is off, and system calls block without
// the runtime's knowledge.
func Main() error {
	runtime.LockOSThread()
	debug.SetGCPercent(-1)
	if err := unix.SetNonblock(listenerFD, false); err != nil {
		return fmt.Errorf("echo: no listening socket was handed over: %w", err)
	}
	s := &server{out: make([]byte, pdu.BHSLen+MaxData), in: make([]byte, script.MaxText)}
	data := s.out[pdu.BHSLen:]
	for i := range data {
		data[i] = byte(i*31 + 7)
	}
	copy(data, disk[:])
	for {
		fd, _, err := unix.Accept4(listenerFD, unix.SOCK_CLOEXEC)
		if err == nil {
			err = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
		}
		if err != nil {
			return fmt.Errorf("echo: %w", err)
		}
		s.serve(fd)
		_ = unix.Close(fd)
	}
}

// disk is the beginning of all data. As standard INQUIRY data (SPC-4 6.6.2) it is a disk, as READ CAPACITY(16) data (SBC-3 5.16.2) it
// is 2^31 blocks of 512 bytes, and as the VPD page B0h that it is not, nothing.
var disk = [36]byte{4: 0x7f, 5: 0xff, 6: 0xff, 7: 0xff, 10: 2}

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

// recv fills b.
func (s *server) recv(fd int, b []byte) bool {
	return each(syscall.SYS_RECVFROM, syscall.MSG_WAITALL, fd, b)
}

func (s *server) send(fd int, b []byte) bool {
	return each(syscall.SYS_SENDTO, syscall.MSG_NOSIGNAL, fd, b)
}

// each repeats a system call until b is done. It is a raw one: the runtime would hand this thread's work to others while it waits, and
// there is no work.
func each(call, flags uintptr, fd int, b []byte) bool {
	for len(b) > 0 {
		n, _, e := syscall.RawSyscall6(call, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), flags, 0, 0)
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
