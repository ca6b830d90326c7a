package engine

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/faulttest"
	"github.com/ringtgt/ringtgt/internal/rawclient"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/backend"
	"github.com/ringtgt/ringtgt/pdu"
)

const (
	stressSessions = 6
	stressTime     = 1200 * time.Millisecond // of each seed
	stressCells    = 8                       // a session's own ranges on each unit
	stressCell     = 512                     // blocks in each
	stressDepth    = 8                       // commands in flight
	// stressPatience is how long an answer may take until the command is aborted. Another session's LUN RESET ends commands
	// without an answer (SAM-5 5.6, TAS=0), and only an initiator that asks finds out. It is not a limit of correctness.
	stressPatience = 150 * time.Millisecond
)

// TestStress has sessions on two loops read, write, abort, reset, cut their connections in the middle of payloads and log
// in over their own sessions, on backends that are late and fail. No write is seen after its task was aborted or its
// session replaced, none that was answered GOOD is lost, and in the end nothing is left of it all.
func TestStress(t *testing.T) {
	for _, seed := range []uint64{1, 20, 300} {
		t.Run(fmt.Sprint("seed", seed), func(t *testing.T) { stress(t, seed) })
	}
}

func stress(t *testing.T, seed uint64) {
	const size = stressSessions * stressCells * stressCell * 512
	file, err := backend.Open(backend.Spec{Kind: backend.KindFile, Path: filepath.Join(t.TempDir(), "disk"), Size: size})
	if err != nil {
		t.Fatal(err)
	}
	faults := []*faulttest.Backend{faulttest.New(memory(t, size)), faulttest.New(file)}
	odds := faulttest.Chances{Delay: 200_000, MaxDelay: int64(10 * time.Millisecond), Error: 20_000, Partial: 20_000}
	// An arena of one slab, so that commands wait for memory too.
	r := newRigWith(t, Config{Cores: make([]int, 2), ArenaPerLoop: maxBlock}, quietNode, faults[0], faults[1])
	for k, f := range faults {
		f.Chance(seed+uint64(k), odds)
	}
	var wg sync.WaitGroup
	workers := make([]*stressor, stressSessions)
	end := time.Now().Add(stressTime)
	for k := range workers {
		w := &stressor{t: t, r: r, id: k, rng: rand.New(rand.NewPCG(seed, uint64(k)))}
		workers[k] = w
		wg.Add(1)
		go func() {
			defer wg.Done()
			w.login()
			for time.Now().Before(end) && !t.Failed() {
				w.round()
			}
			w.i.Conn.Close()
		}()
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	waitFor(t, "tasks, buffers and connections to come back", r.quiet(0))
	var sum stressCount
	for _, f := range faults {
		f.Pass()
	}
	for _, w := range workers {
		w.login()
		for k := range 2 * stressCells {
			good := w.n.Good
			for range 3 { // unit attentions come first
				w.start(byte(k%2), k/2, stressCell, false, false)
				if w.collect(); w.n.Good > good {
					break
				}
			}
			if w.n.Good == good && !t.Failed() {
				t.Errorf("session %d: unit %d cannot be read any more", w.id, k%2)
			}
		}
		w.i.Conn.Close()
		sum.add(w.n)
	}
	waitFor(t, "everything to come back", r.quiet(0))
	t.Logf("%+v", sum)
	if sum.Good == 0 || sum.Verified == 0 {
		t.Errorf("nothing was done: %+v", sum)
	}
}

// stressCount is what a run did, so that one sees whether it did something.
type stressCount struct{ Good, Failed, Verified, Aborts, Lost, Resets, Cuts, Reinstatements, R2Ts int }

func (a *stressCount) add(b stressCount) {
	a.Good += b.Good
	a.Failed += b.Failed
	a.Verified += b.Verified
	a.Aborts += b.Aborts
	a.Lost += b.Lost
	a.Resets += b.Resets
	a.Cuts += b.Cuts
	a.Reinstatements += b.Reinstatements
	a.R2Ts += b.R2Ts
}

// stressor is one session's initiator with its own ranges of both units, and what it knows of their contents.
type stressor struct {
	t    *testing.T
	r    *rig
	id   int
	rng  *rand.Rand
	i    *initiator
	in   *bufio.Reader
	open map[uint32]*stressCommand
	n    stressCount

	version uint64
	// Each block holds a version between these: the last one known to be there and the last one written.
	low, high [2][stressCells * stressCell]uint64
}

type stressCommand struct {
	itt, sn uint32
	lun     byte
	first   int // block of the session's range
	blocks  int
	write   bool
	version uint64
	data    []byte // of a write; what arrived of a read
}

func (w *stressor) login() {
	w.i = w.r.enter(byte(w.id + 1)) // no more: a command could end without an answer, by another session's reset
	w.in = bufio.NewReaderSize(w.i.Conn, 64<<10)
	w.i.Conn = bufferedConn{w.i.Conn, w.in}
	w.open = map[uint32]*stressCommand{}
}

// bufferedConn lets the reader wait for a first byte without losing any.
type bufferedConn struct {
	net.Conn
	in *bufio.Reader
}

func (c bufferedConn) Read(b []byte) (int, error) { return c.in.Read(b) }

// round starts some commands, perhaps disturbs them, and waits for what is left of them.
func (w *stressor) round() {
	sizes := []int{1, 8, 9, 64, 300, stressCell}
	for range 1 + w.rng.IntN(stressDepth) {
		lun, cell := byte(w.rng.IntN(2)), w.rng.IntN(stressCells)
		if !w.busy(lun, cell) {
			w.start(lun, cell, sizes[w.rng.IntN(len(sizes))], w.rng.IntN(2) == 0, w.rng.IntN(3) == 0)
		}
	}
	switch w.rng.IntN(12) {
	case 0, 1:
		for itt := range w.open {
			w.abort(itt)
			w.n.Aborts++
			break
		}
	case 2:
		lun := byte(w.rng.IntN(2))
		tag := w.i.manage(pdu.TMFLogicalUnitReset, lun, pdu.ReservedTag, 0)
		w.n.Resets++
		if w.until(tag) {
			for itt, c := range w.open {
				if c.lun == lun {
					delete(w.open, itt)
				}
			}
		}
	case 3:
		w.cut()
		return
	case 4:
		old, pour := w.i.Conn, w.halfWrite()
		go old.Write(pour) // goes on while it is replaced
		w.login()          // over the session that lives
		w.n.Reinstatements++
		old.Close()
		return
	}
	w.collect()
}

func (w *stressor) busy(lun byte, cell int) bool {
	for _, c := range w.open {
		if c.lun == lun && c.first/stressCell == cell {
			return true
		}
	}
	return false
}

// start sends a command; solicited: its data is to be asked for.
func (w *stressor) start(lun byte, cell, blocks int, write, solicited bool) {
	h, c := w.prepare(lun, cell, blocks, write)
	if write && !solicited {
		w.i.send(h, c.data)
		return
	}
	w.i.send(h, nil)
}

func (w *stressor) prepare(lun byte, cell, blocks int, write bool) (*pdu.BHS, *stressCommand) {
	c := &stressCommand{sn: w.i.CmdSN, lun: lun, first: cell * stressCell, blocks: blocks, write: write}
	var h pdu.BHS
	c.itt = w.i.command(&h, lun, rawclient.RW10(write, w.lba(c.first), uint16(blocks)), blocks*512, write)
	w.open[c.itt] = c
	if write {
		w.version++
		c.version = w.version
		c.data = make([]byte, blocks*512)
		for k := range blocks {
			fillBlock(c.data[k*512:][:512], w.lba(c.first+k), c.version)
			w.high[lun][c.first+k] = c.version
		}
	}
	return &h, c
}

func (w *stressor) lba(block int) uint32 {
	return uint32(w.id*stressCells*stressCell + block)
}

// fillBlock makes the one content that a block has in a version.
func fillBlock(b []byte, lba uint32, version uint64) {
	binary.LittleEndian.PutUint64(b, version)
	x := version*0x9e3779b97f4a7c15 ^ uint64(lba)
	for at := 8; at < len(b); at += 8 {
		x = x*6364136223846793005 + 1442695040888963407
		binary.LittleEndian.PutUint64(b[at:], x)
	}
}

// halfWrite begins a write and stops in the middle of its payload; it returns the rest.
func (w *stressor) halfWrite() []byte {
	for cell := range stressCells {
		if w.busy(0, cell) {
			continue
		}
		h, c := w.prepare(0, cell, stressCell, true)
		h.SetDataLen(len(c.data))
		n := w.rng.IntN(len(c.data))
		w.i.Conn.Write(append(h[:], c.data[:n]...))
		return c.data[n:]
	}
	return nil
}

// cut ends the connection in the middle of a write's payload, politely or not, and comes back as the same initiator port.
func (w *stressor) cut() {
	w.halfWrite()
	if w.rng.IntN(2) == 0 {
		w.i.Conn.(bufferedConn).Conn.(*net.TCPConn).SetLinger(0)
	}
	w.i.Conn.Close()
	w.n.Cuts++
	w.login()
}

// abort ends a command by ABORT TASK.
func (w *stressor) abort(itt uint32) {
	c := w.open[itt]
	tag := w.i.manage(pdu.TMFAbortTask, c.lun, itt, c.sn)
	if w.until(tag) {
		delete(w.open, itt) // its answer came before, or never comes
	}
}

// collect waits for every command that is open; those whose answers do not come are aborted.
func (w *stressor) collect() {
	for len(w.open) > 0 && !w.t.Failed() {
		if w.waits() {
			w.next()
			continue
		}
		for itt := range w.open {
			w.n.Lost++
			w.abort(itt)
			break
		}
	}
}

// waits reports whether something came within stressPatience.
func (w *stressor) waits() bool {
	w.i.Conn.SetReadDeadline(time.Now().Add(stressPatience))
	_, err := w.in.Peek(1)
	w.i.Conn.SetReadDeadline(time.Now().Add(60 * time.Second))
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	if err != nil {
		w.t.Errorf("session %d: %v", w.id, err)
	}
	return err == nil
}

// until takes PDUs up to the answer to task-management function tag, which has to come.
func (w *stressor) until(tag uint32) bool {
	for !w.t.Failed() {
		if w.next() == tag {
			return true
		}
	}
	return false
}

// next takes a PDU, and returns the ITT of one that ends a request.
func (w *stressor) next() (ended uint32) {
	i := w.i
	if err := i.Recv(); err != nil {
		w.t.Errorf("session %d: %v", w.id, err)
		return 0
	}
	itt := i.Header.ITT()
	c := w.open[itt]
	switch i.Header.Opcode() {
	case pdu.OpTaskManagementResponse:
		p := (*pdu.TaskManagementResponse)(&i.Header)
		i.ExpStatSN = p.StatSN() + 1
		if r := p.Response(); r != pdu.TMFResponseComplete && r != pdu.TMFResponseTaskDoesNotExist {
			w.t.Errorf("session %d: task management answered %v", w.id, r)
		}
		return itt
	case pdu.OpNOPIn:
		return 0
	}
	if c == nil {
		w.t.Errorf("session %d: %v for ITT %d, which is over", w.id, i.Header.Opcode(), itt)
		return 0
	}
	switch i.Header.Opcode() {
	case pdu.OpR2T:
		w.n.R2Ts++
		w.answerR2T(c, (*pdu.R2T)(&i.Header))
		return 0
	case pdu.OpDataIn:
		d := (*pdu.DataIn)(&i.Header)
		if int(d.BufferOffset()) != len(c.data) {
			w.t.Errorf("session %d: data-in at %d, want %d", w.id, d.BufferOffset(), len(c.data))
		}
		c.data = append(c.data, i.Data...)
		if !d.StatusPresent() {
			return 0
		}
		i.ExpStatSN = d.StatSN() + 1
		w.finished(c, byte(d.Status()))
	case pdu.OpSCSIResponse:
		p := (*pdu.SCSIResponse)(&i.Header)
		i.ExpStatSN = p.StatSN() + 1
		w.finished(c, byte(p.Status()))
	default:
		w.t.Errorf("session %d: %v", w.id, i.Header.Opcode())
	}
	return itt
}

func (w *stressor) answerR2T(c *stressCommand, q *pdu.R2T) {
	done, ttt := int(q.BufferOffset()), q.TTT()
	end := done + int(q.DesiredDataTransferLength())
	for sn := uint32(0); done < end; sn++ {
		n := min(end-done, 60_000)
		w.i.send(w.i.DataOut(c.lun, c.itt, ttt, sn, done, done+n == end), c.data[done:done+n])
		done += n
	}
}

// finished looks at a command's end: what a read brought must be what was written last, or may have been.
func (w *stressor) finished(c *stressCommand, status byte) {
	delete(w.open, c.itt)
	if status != byte(lun.StatusGood) {
		w.n.Failed++
		return
	}
	w.n.Good++
	low, high := w.low[c.lun][c.first:][:c.blocks], w.high[c.lun][c.first:][:c.blocks]
	if c.write {
		for k := range low {
			low[k] = c.version
		}
		return
	}
	if len(c.data) != c.blocks*512 {
		w.t.Errorf("session %d: read of %d blocks brought %d bytes", w.id, c.blocks, len(c.data))
		return
	}
	var want [512]byte
	for k := range low {
		b := c.data[k*512:][:512]
		v := binary.LittleEndian.Uint64(b)
		want = [512]byte{}
		if v != 0 {
			fillBlock(want[:], w.lba(c.first+k), v)
		}
		if [512]byte(b) != want || v < low[k] || v > high[k] {
			w.t.Errorf("session %d unit %d: block %d holds version %d (whole: %v), want %d to %d",
				w.id, c.lun, c.first+k, v, [512]byte(b) == want, low[k], high[k])
			return
		}
		low[k], high[k] = v, v
	}
	w.n.Verified += c.blocks
}
