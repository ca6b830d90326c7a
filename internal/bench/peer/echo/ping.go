package echo

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"time"

	"github.com/ringtgt/ringtgt/internal/hist"
	"github.com/ringtgt/ringtgt/pdu"
	"golang.org/x/sys/unix"
)

// Ping asks the responder at portal for n bytes, again and again for d, by blocking system calls of a thread on CPU cpu (-1:
// anywhere), and returns the round trips.
func Ping(ctx context.Context, portal string, cpu, n int, d time.Duration) (*hist.Histogram, error) {
	if n <= 0 || n > MaxData || n%512 != 0 {
		return nil, fmt.Errorf("echo: %d bytes are not blocks of 512 up to %d", n, MaxData)
	}
	var dialer net.Dialer
	nc, err := dialer.DialContext(ctx, "tcp", portal)
	if err != nil {
		return nil, fmt.Errorf("echo: %w", err)
	}
	defer nc.Close()
	f, err := nc.(*net.TCPConn).File() // another descriptor of the socket, for blocking calls
	if err != nil {
		return nil, fmt.Errorf("echo: %w", err)
	}
	defer f.Close()
	fd := int(f.Fd())
	if err := unix.SetNonblock(fd, false); err != nil {
		return nil, fmt.Errorf("echo: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = unix.Shutdown(fd, unix.SHUT_RDWR) })
	defer stop()
	h := new(hist.Histogram)
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread's CPU ends with it
		done <- ping(fd, cpu, n, d, h)
	}()
	if err := <-done; err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, fmt.Errorf("echo: %w", err)
	}
	return h, nil
}

func ping(fd, cpu, n int, d time.Duration, h *hist.Histogram) error {
	if cpu >= 0 {
		var set unix.CPUSet
		set.Set(cpu)
		if err := unix.SchedSetaffinity(0, &set); err != nil {
			return err
		}
	}
	var req pdu.BHS
	req.SetOpcode(pdu.OpSCSICommand)
	c := (*pdu.SCSICommand)(&req)
	c.SetFinal(true)
	c.SetRead(true)
	c.SetExpectedDataTransferLength(uint32(n))
	buf := make([]byte, pdu.BHSLen+n)
	began := time.Now()
	for last := time.Duration(0); last < d; {
		if _, err := unix.Write(fd, req[:]); err != nil {
			return err
		}
		for got := 0; got < len(buf); {
			m, err := unix.Read(fd, buf[got:])
			if err == unix.EINTR {
				continue
			}
			if err != nil {
				return err
			}
			if m == 0 {
				return fmt.Errorf("the responder closed the connection")
			}
			got += m
		}
		now := time.Since(began)
		h.Add(int64(now - last))
		last = now
	}
	return nil
}
