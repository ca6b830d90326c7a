package clients_test

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/harness"
	"github.com/ringtgt/ringtgt/internal/loopdev"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/internal/rawclient"
)

// killsEnv is how many times TestKillAndRestartAtOnce kills the daemon: 300 by hand, a few in every run.
const killsEnv = "RINGTGT_KILLS"

// The daemon is killed with SIGKILL during writes and PERSISTENT RESERVE OUT. A new daemon starts as soon as the process is gone,
// on the same files, device and state, every other time at the same port. It must start, and have every answered write and,
// with APTPL (SPC-4 5.13.5), the registration. What was under way may or may not have happened.
//
// io_uring releases a process's sockets, files and devices some time after the process is gone; a daemon that does not wait
// for each of them fails to start.
func TestKillAndRestartAtOnce(t *testing.T) {
	cycles := 8
	if text := os.Getenv(killsEnv); text != "" {
		var err error
		if cycles, err = strconv.Atoi(text); err != nil {
			t.Fatalf("%s: %v", killsEnv, err)
		}
	} else if testing.Short() {
		cycles = 3
	}
	seed := rand.Uint64()
	t.Logf("seed %#x, %d cycles (%s)", seed, cycles, killsEnv)
	dir := t.TempDir()
	o := harness.Options{
		LUNs:  []string{"file:" + filepath.Join(dir, "lun.img") + ":8M,bs=4096,thin"},
		State: filepath.Join(dir, "state"), Args: []string{"-q"},
	}
	if dev := loopDevice(t, filepath.Join(dir, "behind.img"), 8<<20); dev != "" {
		o.LUNs = append(o.LUNs, "block:"+dev+",bs=4096")
	}
	m := &killModel{t: t, rng: rand.New(rand.NewPCG(seed, 0)), luns: len(o.LUNs), slots: map[killSlot]*killValue{}}
	for cycle := range cycles {
		if cycle%2 == 0 {
			o.Addr = "" // a port that is free now: the start waits only for the media
		}
		d := restart(t, cycle, &o)
		m.check(d)
		m.workAndKill(d)
		must.Be(t, !t.Failed(), "cycle %d, seed %#x", cycle, seed)
	}
	m.check(restart(t, cycles, &o))
	t.Logf("%d writes and %d registrations were answered; %d cycles, 0 lost, 0 in use", m.writes, m.registrations, cycles)
}

// restart starts the daemon at the port of the previous one, and waits until the new one serves there.
func restart(t *testing.T, cycle int, o *harness.Options) *harness.Daemon {
	t.Helper()
	d, err := harness.Start(context.Background(), *o)
	must.OK(t, err, "start %d", cycle)
	t.Cleanup(func() { _ = d.Kill() })
	o.Addr = d.Addr()
	eventually(t, 20*time.Second, func() (bool, string) {
		if err := d.Alive(); err != nil {
			t.Fatalf("start %d: %v\n%s", cycle, err, d.Log())
		}
		return strings.Contains(d.Log(), "msg=serving"), d.Log()
	})
	return d
}

// loopDevice attaches a file to a loop device; "" if there are none.
func loopDevice(t *testing.T, file string, size int64) string {
	t.Helper()
	must.OK(t, os.WriteFile(file, nil, 0o600))
	must.OK(t, os.Truncate(file, size))
	d, err := loopdev.Attach(t, file)
	if err != nil {
		t.Logf("no loop device, so only files are tested: %v", err)
		return ""
	}
	return d.Path
}

const (
	killBlock  = 4096
	killBlocks = 32 // that are written, of each LUN
	killDepth  = 8
)

type killSlot struct{ lun, block int }

// killValue is what a block may hold: one number, repeated in every word.
type killValue struct {
	sure    uint64
	maybe   uint64 // of a write that was not answered
	written bool   // maybe is valid
}

// killModel has the expected contents of the media and the expected registration of our nexus.
type killModel struct {
	t     *testing.T
	rng   *rand.Rand
	luns  int
	next  uint64 // the last number used
	slots map[killSlot]*killValue

	key, nextKey uint64 // registered; sent but not answered, or equal to key

	writes, registrations int
}

// check reads everything back. What it finds replaces what was uncertain.
func (m *killModel) check(d *harness.Daemon) {
	m.t.Helper()
	for n := range m.luns {
		r := dialRaw(m.t, d.Addr())
		defer r.Close()
		r.lun = byte(n)
		r.loginReady(loginRequest{target: d.Target()})
		must.OK(m.t, r.read10(0, killBlocks, killBlock))
		data, err := r.readBack()
		must.Be(m.t, err == nil && len(data) == killBlocks*killBlock, "read back %d bytes: %v", len(data), err)
		for b := range killBlocks {
			m.checkBlock(killSlot{n, b}, data[b*killBlock:][:killBlock])
		}
		if n == 0 {
			m.checkKey(r)
		}
	}
}

func (m *killModel) checkBlock(at killSlot, data []byte) {
	v := m.slots[at]
	if v == nil {
		v = &killValue{}
		m.slots[at] = v
	}
	got := binary.BigEndian.Uint64(data)
	for i := 0; i < len(data); i += 8 {
		if w := binary.BigEndian.Uint64(data[i:]); w != got {
			m.t.Errorf("lun %d block %d is torn: %d and %d", at.lun, at.block, got, w)
			return
		}
	}
	if got != v.sure && !(v.written && got == v.maybe) {
		m.t.Errorf("lun %d block %d holds %d; the last answered write is %d, %d was under way (%t)", at.lun, at.block, got, v.sure, v.maybe, v.written)
	}
	*v = killValue{sure: got}
}

// checkKey reads the registered keys (PERSISTENT RESERVE IN, READ KEYS; SPC-4 6.15.2).
func (m *killModel) checkKey(r *raw) {
	cdb := []byte{0: 0x5E, 8: 64, 9: 0}
	must.OK(m.t, r.command(cdb, 64))
	data, err := r.readBack()
	must.Be(m.t, err == nil && len(data) >= 8, "READ KEYS: % x, %v", data, err)
	var got uint64
	switch n := binary.BigEndian.Uint32(data[4:]); {
	case n == 8 && len(data) >= 16:
		got = binary.BigEndian.Uint64(data[8:])
	case n != 0:
		m.t.Errorf("READ KEYS: %d bytes of keys, want one key at most", n)
	}
	if got != m.key && got != m.nextKey {
		m.t.Errorf("the registered key is %d, want %d, or %d, which was under way", got, m.key, m.nextKey)
	}
	m.key, m.nextKey = got, got
}

// workAndKill writes over one connection for each LUN, registers over another, and kills the daemon after some answers.
func (m *killModel) workAndKill(d *harness.Daemon) {
	m.t.Helper()
	var mu sync.Mutex // the model, and answers
	answers, enough := 0, make(chan struct{})
	kill := 1 + m.rng.IntN(100)
	answered := func() {
		if answers++; answers == kill {
			close(enough)
		}
	}
	var work sync.WaitGroup
	for n := range m.luns {
		r := dialRaw(m.t, d.Addr())
		r.lun = byte(n)
		r.loginReady(loginRequest{isid: byte(2 + n), target: d.Target()})
		work.Go(func() { m.write(r, &mu, answered) })
	}
	pr := dialRaw(m.t, d.Addr())
	pr.loginReady(loginRequest{isid: 100, target: d.Target()})
	work.Go(func() { m.register(pr, &mu, answered) })
	select {
	case <-enough:
	case <-time.After(clientTime):
		m.t.Errorf("fewer than %d answers after %v:\n%s", kill, clientTime, d.Log())
	}
	if err := d.Kill(); err != nil {
		m.t.Error(err)
	}
	work.Wait() // answers that are on their way count
}

// write keeps killDepth writes under way until the connection ends, at most one for each block.
func (m *killModel) write(r *raw, mu *sync.Mutex, answered func()) {
	defer r.Close()
	under := map[uint32]killSlot{}
	send := func() error {
		mu.Lock()
		var at killSlot
		for {
			at = killSlot{int(r.lun), m.rng.IntN(killBlocks)}
			if !m.slots[at].written {
				break
			}
		}
		m.next++
		*m.slots[at] = killValue{sure: m.slots[at].sure, maybe: m.next, written: true}
		data := make([]byte, killBlock)
		for i := 0; i < len(data); i += 8 {
			binary.BigEndian.PutUint64(data[i:], m.next)
		}
		cdb := rawclient.RW10(true, uint32(at.block), 1)
		cdb[1] = byte(m.rng.IntN(2)) << 3 // with or without FUA: the kernel has the data either way
		mu.Unlock()
		h := r.Command(r.lun, cdb, killBlock, true)
		under[r.ITT] = at
		return r.Send(h, data)
	}
	for range killDepth {
		if send() != nil {
			return
		}
	}
	for {
		itt, err := r.answer()
		if err != nil {
			return
		}
		mu.Lock()
		v := m.slots[under[itt]]
		*v = killValue{sure: v.maybe}
		m.writes++
		answered()
		mu.Unlock()
		if send() != nil {
			// only answers to earlier commands are left to be read
			continue
		}
	}
}

// register changes the key of its nexus again and again (PERSISTENT RESERVE OUT, REGISTER AND IGNORE EXISTING KEY, APTPL;
// SPC-4 6.16).
func (m *killModel) register(r *raw, mu *sync.Mutex, answered func()) {
	defer r.Close()
	for {
		mu.Lock()
		m.nextKey = m.key + 1
		key := m.nextKey
		mu.Unlock()
		list := make([]byte, 24)
		binary.BigEndian.PutUint64(list[8:], key)
		list[20] = 1
		if r.Send(r.Command(r.lun, []byte{0: 0x5F, 1: 0x06, 8: 24, 9: 0}, 24, true), list) != nil {
			return
		}
		if _, err := r.answer(); err != nil {
			return
		}
		mu.Lock()
		m.key = key
		m.registrations++
		answered()
		mu.Unlock()
	}
}

// answer takes PDUs until a response with GOOD status and returns its ITT. An error is the end of the connection.
func (r *raw) answer() (uint32, error) {
	a, err := r.Answer()
	if err != nil {
		return 0, err
	}
	if err := a.Good(); err != nil {
		r.t.Error(err)
		return 0, err
	}
	return a.ITT, nil
}
