package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/dustin/go-humanize/english"
	"github.com/ringtgt/ringtgt/internal/steer"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
	"golang.org/x/sys/unix"
)

// checkInterfaces reports interfaces that this machine does not have. It uses an ioctl, because services are more often denied
// netlink (systemd's RestrictAddressFamilies). If the ioctl is denied too, it reports nothing.
func checkInterfaces(interfaces []config.Interface) (ps config.Problems) {
	if len(interfaces) == 0 {
		return nil
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	for _, i := range interfaces {
		req, err := unix.NewIfreq(i.Name)
		if err == nil {
			err = unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, req)
		}
		if errors.Is(err, unix.ENODEV) {
			ps = append(ps, config.Problem{At: i.At, Text: fmt.Sprintf("xdp: there is no network interface %s", i.Name)})
		}
	}
	return ps
}

func interfaceNames(interfaces []config.Interface) (names []string) {
	for _, i := range interfaces {
		names = append(names, i.Name)
	}
	return names
}

// logSteering logs at the start how connections are assigned to loops. A lower level is not a fault, but configured interfaces
// without XDP are.
func (d *daemon) logSteering(st steer.Status) {
	args := []any{"method", st.Level.String()} // not "level": slog has a key of that name
	if st.Why != "" {
		args = append(args, "why", st.Why)
	}
	if st.XDP {
		args = append(args, "xdp", st.Interfaces)
	}
	d.log.Info("steering", args...)
	if len(d.now().cfg.Server.XDP) > 0 && st.XDPWhy != "" {
		d.log.Warn("xdp is not active on every configured interface", "active", st.Interfaces, "why", st.XDPWhy)
	}
}

// describeSteering describes the active level, and why it is not a better one.
func describeSteering(st steer.Status) string {
	if st.Why == "" {
		return st.Level.String()
	}
	return fmt.Sprintf("%s (%s)", st.Level, st.Why)
}

// describeXDP lists the interfaces whose packets are moved, and why others are not.
func describeXDP(st steer.Status) string {
	text := "off"
	if st.XDP {
		text = "on " + strings.Join(st.Interfaces, ", ")
	}
	if st.XDPWhy != "" {
		text += fmt.Sprintf(" (%s)", st.XDPWhy)
	}
	if st.Unsteered > 0 {
		text += fmt.Sprintf("; %s without it", english.Plural(int(st.Unsteered), "connection", ""))
	}
	return text
}
