package peer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/ringtgt/ringtgt/internal/bench/result"
	"github.com/ringtgt/ringtgt/internal/process"
)

// The name of SPDK's target is its base, a colon, and the target node's name.
const (
	spdkBase = "iqn.2016-06.io.spdk"
	spdkNode = "disk"
	spdkIQN  = spdkBase + ":" + spdkNode
)

// startSPDK starts SPDK's iscsi_tgt with one reactor on the first CPU. It polls there from now on, whether it has work or not: Pause
// stops it while another target is measured.
func startSPDK(ctx context.Context, o Options) (_ *Target, err error) {
	if o.Binary == "" {
		return nil, fmt.Errorf("peer: SPDK's iscsi_tgt is %w: it is in no Debian package, and wants to be built from source, 2 MiB hugepages and a CPU "+
			"that it keeps busy; start it by hand and give its iscsi:// URL, or compare with it by `make bench-spdk`", ErrMissing)
	}
	if o.LUN.Memory == 0 {
		return nil, errors.New("peer: SPDK is started with a LUN in memory only")
	}
	if len(o.CPUs) == 0 {
		return nil, errors.New("peer: SPDK needs a CPU of its own")
	}
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	dir, err := os.MkdirTemp("", dirPattern)
	if err != nil {
		return nil, fmt.Errorf("peer: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(dir)
		}
	}()
	addr, err := process.FreePort()
	if err != nil {
		return nil, fmt.Errorf("peer: %w", err)
	}
	config, control := filepath.Join(dir, "config.json"), filepath.Join(dir, "rpc.sock")
	text, err := spdkConfig(addr, o.LUN.Memory)
	if err != nil {
		return nil, fmt.Errorf("peer: %w", err)
	}
	if err := os.WriteFile(config, text, 0o600); err != nil {
		return nil, fmt.Errorf("peer: %w", err)
	}
	args := []string{
		"-m", "[" + result.CPUList(o.CPUs[:1]) + "]", "-c", config, "-r", control,
		"--no-huge", "-s", strconv.FormatInt(o.LUN.Memory>>20+spdkPools, 10), "--no-pci",
	}
	c, err := process.Start(exec.Command(o.Binary, append(args, o.Args...)...), o.CPUs[:1]...)
	if err != nil {
		return nil, fmt.Errorf("peer: %w", err)
	}
	if err := c.AwaitPortal(ctx, addr); err != nil {
		_ = c.Kill()
		return nil, fmt.Errorf("peer: %w\n%s", err, c.Log())
	}
	t := &Target{Name: SPDK, PID: c.PID(), Portal: addr, IQN: spdkIQN, child: c, dir: dir, control: control}
	t.setURL()
	t.Software = version(ctx, o.Binary, "--version")
	return t, nil
}

// spdkConfig is SPDK's start-up configuration: room for maxSessions sessions, and a first burst as long as ringtgt's default, so
// that both take the same writes without an R2T.
func spdkConfig(addr string, memory int64) ([]byte, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	type object = map[string]any
	call := func(method string, params object) object { return object{"method": method, "params": params} }
	subsystem := func(name string, calls ...object) object { return object{"subsystem": name, "config": calls} }
	return json.Marshal(object{"subsystems": []object{
		subsystem("bdev", call("bdev_malloc_create", object{"name": "Malloc0", "num_blocks": memory / 512, "block_size": 512})),
		subsystem("iscsi",
			call("iscsi_set_options", object{
				"node_base": spdkBase, "max_sessions": spdkSessions, "max_queue_depth": spdkDepth, "max_connections_per_session": 4,
				"first_burst_length": spdkFirstBurst, "immediate_data": true, "pdu_pool_size": spdkPDUs,
				"immediate_data_pool_size": spdkBuffers, "data_out_pool_size": spdkBuffers,
			}),
			call("iscsi_create_portal_group", object{"tag": 1, "portals": []object{{"host": host, "port": port}}}),
			call("iscsi_create_initiator_group", object{"tag": 1, "initiators": []string{"ANY"}, "netmasks": []string{"ANY"}}),
			call("iscsi_create_target_node", object{
				"name": spdkNode, "alias_name": spdkNode, "queue_depth": spdkDepth, "disable_chap": true,
				"pg_ig_maps": []object{{"pg_tag": 1, "ig_tag": 1}}, "luns": []object{{"bdev_name": "Malloc0", "lun_id": 0}},
			}),
		),
	}})
}

// Pause stops the target's process (SIGSTOP) until Resume: one that polls would take the CPU from the target that is measured.
func (t *Target) Pause() error { return t.child.Signal(syscall.SIGSTOP) }

// Resume continues a paused target.
func (t *Target) Resume() error { return t.child.Signal(syscall.SIGCONT) }

// Ticks returns the ticks that SPDK's reactor has spent in pollers that found work, and in pollers that found none.
func (t *Target) Ticks(ctx context.Context) (busy, idle uint64, err error) {
	if t.control == "" {
		return 0, 0, fmt.Errorf("peer: %s is not SPDK", t.Name)
	}
	ctx, cancel := context.WithTimeout(ctx, rpcTimeout)
	defer cancel()
	c, err := (&net.Dialer{}).DialContext(ctx, "unix", t.control)
	if err != nil {
		return 0, 0, fmt.Errorf("peer: %w", err)
	}
	defer c.Close()
	deadline, _ := ctx.Deadline()
	if err := c.SetDeadline(deadline); err != nil {
		return 0, 0, fmt.Errorf("peer: %w", err)
	}
	if _, err := c.Write([]byte(`{"jsonrpc":"2.0","id":1,"method":"framework_get_reactors"}`)); err != nil {
		return 0, 0, fmt.Errorf("peer: %w", err)
	}
	var answer struct {
		Error  json.RawMessage
		Result struct {
			Reactors []struct{ Busy, Idle uint64 }
		}
	}
	if err := json.NewDecoder(c).Decode(&answer); err != nil {
		return 0, 0, fmt.Errorf("peer: framework_get_reactors: %w", err)
	}
	if answer.Error != nil || len(answer.Result.Reactors) != 1 {
		return 0, 0, fmt.Errorf("peer: framework_get_reactors: %s, %d reactors", answer.Error, len(answer.Result.Reactors))
	}
	r := answer.Result.Reactors[0]
	return r.Busy, r.Idle, nil
}

// The sizes of SPDK's pools, which it takes from the memory that it reserves at its start.
const (
	// spdkSessions is SPDK's own limit on connections.
	spdkSessions = 1024
	// spdkDepth is more than any row asks of a session.
	spdkDepth      = 128
	spdkFirstBurst = 64 << 10
	spdkPDUs       = 128 << 10
	// spdkBuffers of 64 KiB each, in each of two pools: more than the rows that write have in flight.
	spdkBuffers = 2048
	// spdkPools is the MiB that all pools take, and what DPDK needs besides.
	spdkPools = 1792

	rpcTimeout = 5 * time.Second
)
