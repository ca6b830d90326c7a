package kerneltest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ringtgt/ringtgt/internal/process"
)

const (
	qemuProgram = "qemu-system-x86_64"
	qemuPackage = "qemu-system-x86"
	nicName     = "nic0"
)

// ensureQemu installs qemu where it is missing and we may; it is the only package that is installed.
func ensureQemu(ctx context.Context, log func(string, ...any)) error {
	if _, err := exec.LookPath(qemuProgram); err == nil {
		return nil
	}
	if os.Getuid() != 0 {
		return fmt.Errorf("%s is missing: install package %s", qemuProgram, qemuPackage)
	}
	log("installing %s", qemuPackage)
	if _, err := run(ctx, "", "apt-get", "update", "-q"); err != nil {
		return err
	}
	_, err := run(ctx, "", "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-q", "-y", "--no-install-recommends", qemuPackage)
	return err
}

// guest is a running virtual machine. Its first serial port is the console, its second the control channel.
type guest struct {
	child   *process.Child
	monitor *monitor
	control net.Conn
	lines   chan message // from the control channel; closed when the guest is gone
	console *console
}

// guestOptions are the places of one run's files.
type guestOptions struct {
	image     image
	initramfs string
	dir       string // for sockets: short, since a Unix socket's name holds 107 bytes
	drives    []drive
	console   io.Writer // gets everything the guest prints
	pcap      string    // where to record the guest's packets, or ""
	echo      func(line string)
}

// drive is a file that the guest sees as a disk with a volatile write cache: NVMe, with FUA writes, or virtio, without.
type drive struct {
	serial string
	path   string
	nvme   bool
}

// args returns qemu's arguments for the drive. The host writes to the file while the guest has the drive closed, so the file is
// not locked. Flushes are ignored: the host does not lose power.
func (d drive) args(i int) []string {
	id := "drive" + strconv.Itoa(i)
	device := "virtio-blk-pci"
	if d.nvme {
		device = "nvme"
	}
	return []string{
		"-blockdev", "driver=raw,cache.no-flush=on,node-name=" + id + ",file.driver=file,file.cache.no-flush=on,file.locking=off,file.filename=" + d.path,
		"-device", device + ",drive=" + id + ",serial=" + d.serial,
	}
}

// qemuArgs describes the machine: software emulation, the drives, and a network whose gateway 10.0.2.2 is the host's loopback.
func qemuArgs(o guestOptions) []string {
	args := []string{
		"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-accel", "tcg,thread=multi",
		// A model with SSE4.2, so that the initiator's digests use crc32c-intel as on real machines, and without AVX, which
		// is slow to emulate. rdrand fills the guest's entropy pool at boot.
		"-cpu", "Nehalem,+rdrand",
		"-smp", strconv.Itoa(guestCPUs), "-m", strconv.Itoa(guestMemory),
		"-kernel", o.image.kernel, "-initrd", o.initramfs,
		"-append", "console=ttyS0 quiet loglevel=5 panic=-1 mitigations=off nokaslr net.ifnames=0",
		"-serial", "stdio",
		"-serial", "unix:" + filepath.Join(o.dir, "control") + ",server=on,wait=off",
		"-qmp", "unix:" + filepath.Join(o.dir, "qmp") + ",server=on,wait=off",
		"-netdev", "user,id=net0",
		"-device", "virtio-net-pci,romfile=,netdev=net0,id=" + nicName,
		"-device", "virtio-rng-pci",
	}
	for i, d := range o.drives {
		args = append(args, d.args(i)...)
	}
	if o.pcap != "" {
		args = append(args, "-object", "filter-dump,id=dump0,netdev=net0,file="+o.pcap)
	}
	return args
}

// startGuest boots the machine and waits for its agent.
func startGuest(ctx context.Context, o guestOptions) (*guest, error) {
	cmd := exec.Command(qemuProgram, qemuArgs(o)...)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	cmd.Stderr = o.console
	g := &guest{lines: make(chan message, 16), console: newConsole(o.console, o.echo)}
	// The control socket is there before the guest runs: connect while its kernel boots.
	if g.child, err = process.Start(cmd); err != nil {
		return nil, err
	}
	go g.console.read(stdout)
	ctx, cancel := context.WithTimeout(ctx, bootLimit)
	defer cancel()
	if err := g.connect(ctx, o.dir); err != nil {
		g.stop()
		return nil, err
	}
	go g.readControl()
	select {
	case m, ok := <-g.lines:
		if ok && m.kind == messageReady {
			return g, nil
		}
		g.stop()
		return nil, fmt.Errorf("the guest ended or misspoke before it was ready")
	case <-ctx.Done():
		g.stop()
		return nil, fmt.Errorf("the guest was not ready within %v", bootLimit)
	}
}

// connect opens monitor and control channel as soon as qemu listens.
func (g *guest) connect(ctx context.Context, dir string) error {
	retry := time.NewTicker(20 * time.Millisecond)
	defer retry.Stop()
	for {
		var err error
		if g.control == nil {
			g.control, err = net.Dial("unix", filepath.Join(dir, "control"))
			if err != nil {
				g.control = nil
			}
		}
		if g.control != nil && g.monitor == nil {
			if g.monitor, err = dialMonitor(filepath.Join(dir, "qmp")); err == nil {
				return nil
			}
		}
		select {
		case <-retry.C:
		case <-g.child.Exited():
			return fmt.Errorf("qemu ended: %v", g.child.Err())
		case <-ctx.Done():
			return fmt.Errorf("qemu does not listen: %w", err)
		}
	}
}

// readControl turns lines into messages until the guest is gone.
func (g *guest) readControl() {
	defer close(g.lines)
	lines := bufio.NewScanner(g.control)
	lines.Buffer(nil, maxControlLine)
	for lines.Scan() {
		m, err := parseMessage(lines.Text())
		if err != nil {
			g.console.add("control channel: " + err.Error())
			continue
		}
		g.lines <- m
	}
}

// runCase runs one case in the guest. host does what the case asks of the host, log shows its progress.
func (g *guest) runCase(name string, limit time.Duration, host func(verb string, args []string) error, log func(string)) (string, error) {
	g.console.mark()
	if _, err := fmt.Fprintf(g.control, "RUN %s %d\n", name, int(limit.Seconds())); err != nil {
		return "", fmt.Errorf("the guest is gone: %w", err)
	}
	timeout := time.NewTimer(limit + caseMargin)
	defer timeout.Stop()
	for {
		select {
		case m, ok := <-g.lines:
			switch {
			case !ok:
				return "", fmt.Errorf("the guest is gone")
			case m.kind == messageLog:
				log(m.text)
			case m.kind == messageHost:
				answer := "OK"
				if err := host(m.name, m.args); err != nil {
					answer = "ERR " + strings.ReplaceAll(err.Error(), "\n", " ")
				}
				if _, err := fmt.Fprintln(g.control, answer); err != nil {
					return "", fmt.Errorf("the guest is gone: %w", err)
				}
			case m.kind == messageCase && m.name == name:
				if !m.passed {
					return "", fmt.Errorf("%s", m.text)
				}
				return m.text, nil
			default:
				return "", fmt.Errorf("unexpected message %+v", m)
			}
		case <-timeout.C:
			g.stop() // nothing more can be asked of it
			return "", fmt.Errorf("the guest said nothing within %v", limit+caseMargin)
		}
	}
}

// stop kills the machine: nothing in it needs an orderly shutdown.
func (g *guest) stop() {
	if g.monitor != nil {
		g.monitor.conn.Close()
	}
	if g.control != nil {
		g.control.Close()
	}
	_ = g.child.Kill()
}

// console keeps what the guest printed since the last mark, each line with the seconds since the machine was started.
type console struct {
	mu   sync.Mutex
	tail []string
	all  io.Writer
	echo func(string)
	from time.Time
}

func newConsole(all io.Writer, echo func(string)) *console {
	return &console{all: all, echo: echo, from: time.Now()}
}

func (c *console) read(r io.Reader) {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			c.add(strings.TrimRight(line, "\r\n"))
		}
		if err != nil {
			return
		}
	}
}

func (c *console) add(line string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	line = fmt.Sprintf("%7.2f %s", time.Since(c.from).Seconds(), line)
	fmt.Fprintln(c.all, line)
	if c.tail = append(c.tail, line); len(c.tail) > consoleTail {
		c.tail = c.tail[1:]
	}
	if c.echo != nil {
		c.echo(line)
	}
}

// mark discards what was printed so far.
func (c *console) mark() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tail = nil
}

// text is what was printed since the mark, at most consoleTail lines.
func (c *console) text() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.tail, "\n")
}
