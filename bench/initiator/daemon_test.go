package initiator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/ringtgt/ringtgt/bench/initiator/proto"
	"github.com/ringtgt/ringtgt/pdu"
)

// Data of every length comes back as it was written, with digests and without,
// with immediate, unsolicited and solicited data in all combinations.
func TestDaemonData(t *testing.T) {
	d := startDaemon(t, "", "--lun", "mem:64M")
	isid := byte(0)
	for _, digests := range []bool{false, true} {
		for _, r2t := range []proto.Bool{Yes, No} {
			for _, immediate := range []proto.Bool{Yes, No} {
				isid++
				t.Run(fmt.Sprintf("digests=%v,InitialR2T=%d,ImmediateData=%d", digests, r2t, immediate), func(t *testing.T) {
					cfg := daemonConfig(d, isid)
					cfg.Keys = Keys{HeaderDigest: digests, DataDigest: digests, InitialR2T: r2t, ImmediateData: immediate, FirstBurstLength: 100 << 10, MaxBurstLength: 256 << 10}
					cfg.FirstCmdSN = 0xfffffff8 // every combination goes through the wrap
					s := real(t, cfg)
					if p := s.Params(); p.Conn.DataDigest != digests || p.InitialR2T != (r2t == Yes) || p.ImmediateData != (immediate == Yes) {
						t.Fatalf("negotiated: %+v", p)
					}
					if err := s.Ready(t.Context(), 0, 0); err != nil {
						t.Fatal(err)
					}
					rng := rand.New(rand.NewPCG(1, uint64(isid)))
					for _, blocks := range []int{1, 7, 8, 127, 200, 201, 512, 2048, 4096} {
						data, got := make([]byte, blocks*512), make([]byte, blocks*512)
						for i := range data {
							data[i] = byte(rng.Uint32())
						}
						lba := rng.Uint64N(100000)
						if err := s.Write(t.Context(), 0, 0, lba, uint32(blocks), data); err != nil {
							t.Fatalf("write of %d blocks: %v", blocks, err)
						}
						if err := s.Read(t.Context(), 0, 0, lba, uint32(blocks), got); err != nil {
							t.Fatalf("read of %d blocks: %v", blocks, err)
						}
						if !bytes.Equal(got, data) {
							t.Fatalf("%d blocks at %d come back changed", blocks, lba)
						}
					}
					if err := s.Ping(t.Context(), 0, pattern(1000), false); err != nil {
						t.Error(err)
					}
					if err := s.Logout(t.Context()); err != nil {
						t.Error(err)
					}
				})
			}
		}
	}
}

// More commands than the window has places: they wait for it and all end.
func TestDaemonWindow(t *testing.T) {
	d := startDaemon(t, "", "--lun", "mem:16M")
	cfg := daemonConfig(d, 1)
	cfg.FirstCmdSN = 0xffffff00
	s := real(t, cfg)
	if err := s.Ready(t.Context(), 0, 0); err != nil {
		t.Fatal(err)
	}
	const n = 2000
	var wg sync.WaitGroup
	bufs := make([][]byte, n)
	cmds := make([]*Command, n)
	for i := range cmds {
		bufs[i] = make([]byte, 4096)
		cmds[i] = &Command{CDB: rw16(0x88, uint64(i%1000)*8, 8), In: bufs[i], Attr: pdu.TaskAttrSimple, Done: func(*Command) { wg.Done() }}
		wg.Add(1)
		if err := s.Submit(cmds[i]); err != nil {
			t.Fatal(err)
		}
	}
	wg.Wait()
	for i, c := range cmds {
		if err := c.Result.Good(); err != nil {
			t.Fatalf("command %d: %v", i, err)
		}
	}
	if w := s.MaxCmdSN() - s.ExpCmdSN() + 1; w == 0 || w > 1024 {
		t.Errorf("a window of %d", w)
	}
}

// Residuals (RFC 7143, 11.4.5.1): less and more expected than the CDB moves.
func TestDaemonResiduals(t *testing.T) {
	d := startDaemon(t, "", "--lun", "mem:16M")
	s := real(t, daemonConfig(d, 1))
	if err := s.Ready(t.Context(), 0, 0); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		expect   uint32
		residual int64
		moved    uint32
	}{{1024, 512, 512}, {512, 0, 512}, {256, -256, 256}} {
		cmd := &Command{CDB: rw16(0x88, 0, 1), In: make([]byte, tt.expect), Expect: tt.expect}
		if err := s.Exec(t.Context(), cmd); err != nil {
			t.Fatal(err)
		}
		if r := cmd.Result; r.Residual != tt.residual || r.Transferred != tt.moved {
			t.Errorf("a read of 512 bytes, %d expected: residual %d, %d bytes; want %d, %d", tt.expect, r.Residual, r.Transferred, tt.residual, tt.moved)
		}
	}
}

// Functions against a daemon: what they name is over, the rest is not.
func TestDaemonTaskManagement(t *testing.T) {
	d := startDaemon(t, "", "--lun", "mem:16M")
	s := real(t, daemonConfig(d, 1))
	if err := s.Ready(t.Context(), 0, 0); err != nil {
		t.Fatal(err)
	}
	// A command behind a hole cannot start: it is there to be aborted.
	hole := s.Reserve(1)
	cmd := &Command{CDB: make([]byte, 6)}
	done := start(t, s, cmd)
	if err := s.Ping(t.Context(), 0, nil, true); err != nil { // answered once both were sent
		t.Fatal(err)
	}
	if r, err := s.Abort(t.Context(), cmd); err != nil || r != pdu.TMFResponseComplete {
		t.Errorf("ABORT TASK: %v, %v", r, err)
	}
	wantOver(t, done, ErrAborted)
	if s.ExpCmdSN() != hole {
		t.Errorf("ExpCmdSN %d, the hole is at %d", s.ExpCmdSN(), hole)
	}
	// The hole is plugged by an ABORT TASK with its RefCmdSN (11.6.1).
	if r, err := s.TMF(t.Context(), 0, pdu.TMFAbortTask, 0, 0x12345, hole, true); err != nil || r != pdu.TMFResponseComplete {
		t.Errorf("the plug: %v, %v", r, err)
	}
	if err := s.Ready(t.Context(), 0, 0); err != nil {
		t.Errorf("after the plug: %v", err)
	}
	if r, err := s.TMF(t.Context(), 0, pdu.TMFLogicalUnitReset, 0, pdu.ReservedTag, 0, true); err != nil || r != pdu.TMFResponseComplete {
		t.Errorf("LOGICAL UNIT RESET: %v, %v", r, err)
	}
	if r, err := s.TMF(t.Context(), 0, pdu.TMFAbortTask, 0, 0x99999, s.CmdSN()-1, true); err != nil || r != pdu.TMFResponseTaskDoesNotExist {
		t.Errorf("ABORT TASK of nothing: %v, %v", r, err)
	}
	if err := s.Ready(t.Context(), 0, 0); err != nil {
		t.Errorf("after the functions: %v", err)
	}
}

// The same ISID again reinstates the session (6.3.5): the old one is over.
func TestDaemonSessionReinstatement(t *testing.T) {
	d := startDaemon(t, "", "--lun", "mem:16M")
	a := real(t, daemonConfig(d, 1))
	if err := a.Ready(t.Context(), 0, 0); err != nil {
		t.Fatal(err)
	}
	a.Reserve(1) // nothing after it is answered
	done := start(t, a, &Command{CDB: make([]byte, 6)})
	b := real(t, daemonConfig(d, 1))
	if b.TSIH() == a.TSIH() {
		t.Errorf("both sessions have TSIH %d", a.TSIH())
	}
	wantOver(t, done, ErrConnLost)
	if _, err := a.Recover(t.Context(), 0, RecoverOptions{NoWait: true}); !errors.Is(err, ErrSessionLost) {
		t.Errorf("the old session is continued: %v", err)
	}
	if err := b.Ready(t.Context(), 0, 0); err != nil {
		t.Error(err)
	}
}

// 6.3.6: the only connection is lost; the session goes on by joining it.
func TestDaemonSessionContinuation(t *testing.T) {
	d := startDaemon(t, "", "--lun", "mem:16M")
	s := real(t, daemonConfig(d, 1))
	if err := s.Ready(t.Context(), 0, 0); err != nil {
		t.Fatal(err)
	}
	s.Reserve(1)
	lost := &Command{CDB: make([]byte, 6)}
	done := start(t, s, lost)
	if err := s.Kill(0, true); err != nil {
		t.Fatal(err)
	}
	wantOver(t, done, ErrConnLost)
	again, err := s.Recover(t.Context(), 0, RecoverOptions{NoWait: true})
	if err != nil || len(again) != 1 || again[0] != lost {
		t.Fatalf("Recover returns %v, %v", again, err)
	}
}

func TestDaemonDiscovery(t *testing.T) {
	d := startDaemon(t, "", "--lun", "mem:16M")
	cfg := daemonConfig(d, 1)
	cfg.TargetName, cfg.Discovery = "", true
	s := real(t, cfg)
	kvs, err := s.SendTargets(t.Context(), 0, "All")
	if err != nil {
		t.Fatal(err)
	}
	if len(kvs) != 2 || kvs[0] != (pdu.KeyValue{Key: "TargetName", Value: daemonTarget}) || !strings.HasPrefix(kvs[1].Value, d.Addr()+",") {
		t.Errorf("SendTargets=All returns %v", kvs)
	}
	if err := s.Logout(t.Context()); err != nil {
		t.Error(err)
	}
}

const chapConfig = `
[[portal]]
listen = "{{ADDR}}"

[[target]]
name = "` + daemonTarget + `"

[target.chap]
user = "host-7"
secret = "a secret of 21 bytes!"

[target.mutual_chap]
user = "storage-1"
secret = "another secret, longer"

[[target.lun]]
lun = 0
memory = "16MiB"
`

// RFC 7143, 12.1.3: with each algorithm, one way and mutual; and what must fail.
func TestDaemonCHAP(t *testing.T) {
	d := startDaemon(t, chapConfig)
	good := CHAP{User: "host-7", Secret: "a secret of 21 bytes!", MutualUser: "storage-1", MutualSecret: "another secret, longer"}
	for i, algs := range []string{"5", "6", "7", "8", "", "7,5"} {
		cfg := daemonConfig(d, byte(i))
		cfg.CHAP = good
		cfg.CHAP.Algorithms = algs
		s := real(t, cfg)
		if err := s.Ready(t.Context(), 0, 0); err != nil {
			t.Errorf("CHAP_A=%s: %v", algs, err)
		}
	}
	oneWay := good
	oneWay.MutualUser, oneWay.MutualSecret = "", ""
	cfg := daemonConfig(d, 20)
	cfg.CHAP = oneWay
	real(t, cfg)

	refused := func(name string, c CHAP) {
		cfg := daemonConfig(d, 21)
		cfg.CHAP = c
		s, err := Dial(t.Context(), cfg)
		var e *LoginError
		if !errors.As(err, &e) || e.Status != pdu.LoginAuthenticationFailure {
			t.Errorf("%s: %v, %v; want status 0x0201", name, s, err)
		}
	}
	wrong := good
	wrong.Secret = "not the secret at all"
	refused("a wrong secret", wrong)
	refused("no CHAP", CHAP{})
	liar := good
	liar.MutualSecret = "not the target's secret"
	cfg = daemonConfig(d, 22)
	cfg.CHAP = liar
	if s, err := Dial(t.Context(), cfg); !errors.Is(err, proto.ErrMutualCHAP) {
		t.Errorf("a target with another secret: %v, %v; want ErrMutualCHAP", s, err)
	}
}

// 11.13.5: what is refused, and how.
func TestDaemonRefuses(t *testing.T) {
	d := startDaemon(t, "", "--lun", "mem:16M")
	cfg := daemonConfig(d, 1)
	cfg.TargetName += "-not"
	_, err := Dial(t.Context(), cfg)
	var e *LoginError
	if !errors.As(err, &e) || e.Status != pdu.LoginNotFound {
		t.Errorf("a target that is not there: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Dial(ctx, daemonConfig(d, 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("Dial with an ended context: %v", err)
	}
}
