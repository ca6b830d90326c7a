package session

import (
	"testing"

	"github.com/ringtgt/ringtgt/pdu"
)

// loopHost is a Host for measurements: tasks and one buffer that are used again and again.
type loopHost struct {
	free []*Task
	buf  []byte
}

func (h *loopHost) NewNexus(*Session) error { return nil }

func (h *loopHost) NewTask(*Conn) *Task {
	n := len(h.free)
	if n == 0 {
		return &Task{}
	}
	t := h.free[n-1]
	h.free = h.free[:n-1]
	return t
}

func (h *loopHost) DataOut(t *Task, may bool) OutState {
	if t.Write {
		t.Out = h.buf[:t.EDTL]
	}
	return OutReady
}

func (h *loopHost) FreeTask(t *Task) {
	t.Reset()
	h.free = append(h.free, t)
}

func (h *loopHost) Memory(n int) []byte  { return make([]byte, n) }
func (h *loopHost) Release([]byte)       {}
func (h *loopHost) Post(Message)         {}
func (h *loopHost) Wake(int)             {}
func (h *loopHost) Place([]int, int) int { return 0 }

// bench is a connection in full feature phase whose host is a loopHost.
type bench struct {
	r    *rig
	host *loopHost
	data []byte
	ev   Event
	h    pdu.BHS
	sn   uint32
}

func newBench(t testing.TB, opts ...func(*rigOptions)) *bench {
	r := newRig(t, opts...)
	b := &bench{r: r, host: &loopHost{buf: make([]byte, 1<<20)}, data: make([]byte, 1<<20), sn: r.cmdSN}
	r.conn.host = b.host
	return b
}

// feed brings a header and n bytes of data segment to the connection, as an engine does.
func (b *bench) feed(h *pdu.BHS, n int) {
	c := b.r.conn
	f := c.Framer()
	h.SetDataLen(n)
	f.Feed(h[:])
	dst := c.Header(b.r.now)
	if n == 0 {
		c.Payload(b.r.now, true)
		return
	}
	f.Payload(dst)
	f.Feed(b.data[:n])
	c.Payload(b.r.now, f.DataDigestOK())
}

// next takes one event and reports its kind.
func (b *bench) next() EventKind {
	if !b.r.conn.Next(b.r.now, true, &b.ev) {
		return 0
	}
	return b.ev.Kind
}

func (b *bench) fail(what string) {
	b.r.Helper()
	b.r.Fatalf("%s: kind %d, %v", what, b.ev.Kind, b.ev.Header)
}

func (b *bench) command(write bool, n uint32) *pdu.SCSICommand {
	h := (*pdu.SCSICommand)(&b.h)
	h.BHS().Init(pdu.OpSCSICommand)
	h.SetFinal(true)
	h.SetRead(!write)
	h.SetWrite(write)
	h.SetITT(b.sn & 0xff)
	h.SetCmdSN(b.sn)
	h.SetExpectedDataTransferLength(n)
	b.sn++
	return h
}

// read is a whole read command of n bytes.
func (b *bench) read(n int) {
	c := b.r.conn
	b.feed(b.command(false, uint32(n)).BHS(), 0)
	if b.next() != Execute {
		b.fail("Execute")
	}
	t := b.ev.Task
	t.Result = Result{In: b.data[:n], RequiredIn: int64(n)}
	c.Complete(b.r.now, t)
	for b.next() == Send {
		if b.ev.Release != nil {
			c.Sent(b.r.now, b.ev.Release)
			return
		}
	}
	b.fail("Send")
}

// write is a whole write command of n bytes: immediate data if imm, else by R2T in PDUs of seg bytes.
func (b *bench) write(n, imm, seg int) {
	c := b.r.conn
	h := b.command(true, uint32(n))
	itt := h.ITT()
	b.feed(h.BHS(), imm)
	for off := imm; off < n; {
		if b.next() != Send || b.ev.Header.Opcode() != pdu.OpR2T {
			b.fail("R2T")
		}
		r2t := (*pdu.R2T)(&b.ev.Header)
		ttt, end := r2t.TTT(), off+int(r2t.DesiredDataTransferLength())
		for sn := uint32(0); off < end; sn++ {
			k := min(seg, end-off)
			b.h.Init(pdu.OpDataOut)
			d := (*pdu.DataOut)(&b.h)
			d.SetITT(itt)
			d.SetTTT(ttt)
			d.SetDataSN(sn)
			d.SetBufferOffset(uint32(off))
			d.SetFinal(off+k == end)
			b.feed(d.BHS(), k)
			off += k
		}
	}
	if b.next() != Execute {
		b.fail("Execute")
	}
	t := b.ev.Task
	t.Result = Result{RequiredOut: int64(n)}
	c.Complete(b.r.now, t)
	if b.next() != Send || b.ev.Release != t {
		b.fail("Send")
	}
	c.Sent(b.r.now, t)
}

// The data path allocates nothing.
func TestNoAllocations(t *testing.T) {
	b := newBench(t, with("InitialR2T", "Yes", "MaxBurstLength", "65536"))
	for name, fn := range map[string]func(){
		"read 4 KiB":              func() { b.read(4096) },
		"read 1 MiB":              func() { b.read(1 << 20) },
		"write 4 KiB immediate":   func() { b.write(4096, 4096, 0) },
		"write 256 KiB, 4 R2Ts":   func() { b.write(256<<10, 0, 8192) },
		"write 8 KiB, half asked": func() { b.write(8192, 4096, 4096) },
	} {
		if n := testing.AllocsPerRun(1000, fn); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkRead4K(b *testing.B) {
	x := newBench(b)
	b.ReportAllocs()
	for b.Loop() {
		x.read(4096)
	}
}

func BenchmarkRead4KDepth32(b *testing.B) {
	x := newBench(b)
	c := x.r.conn
	b.ReportAllocs()
	tasks := make([]*Task, 0, 32)
	for i := 0; i < b.N; i += 32 {
		for range 32 {
			x.feed(x.command(false, 4096).BHS(), 0)
		}
		tasks = tasks[:0]
		for x.next() == Execute {
			tasks = append(tasks, x.ev.Task)
		}
		for _, t := range tasks {
			t.Result.In, t.Result.RequiredIn = x.data[:4096], 4096
			c.Complete(x.r.now, t)
		}
		tasks = tasks[:0]
		for x.next() == Send {
			tasks = append(tasks, x.ev.Release)
		}
		for _, t := range tasks {
			c.Sent(x.r.now, t)
		}
	}
}

func BenchmarkWrite4KImmediate(b *testing.B) {
	x := newBench(b)
	b.ReportAllocs()
	for b.Loop() {
		x.write(4096, 4096, 0)
	}
}

func BenchmarkWrite256KSolicited(b *testing.B) {
	x := newBench(b, with("InitialR2T", "Yes", "ImmediateData", "No"))
	b.ReportAllocs()
	b.SetBytes(256 << 10)
	for b.Loop() {
		x.write(256<<10, 0, 64<<10)
	}
}
