package steer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
)

// flowNeeds: packets go through a CPUMAP in generic mode since 5.15.
var flowNeeds = need{major: 5, minor: 15, caps: []capability{capBPF, capNetAdmin, capPerfmon}}

// flowTable is the XDP program with its map of connections. A link is detached when its descriptor is closed, so a daemon that
// is killed leaves nothing attached.
type flowTable struct {
	objs  flowsObjects
	links map[string]link.Link // by interface
}

// openFlows loads the program for cpus and attaches it to as many of the interfaces as possible; refused lists the others, with
// reasons. If it could attach to none, f is nil. An error means that the program could not be loaded.
func openFlows(cpus []int, interfaces []string) (f *flowTable, refused []string, err error) {
	if f, err = loadFlowTable(cpus); err != nil {
		return nil, nil, err
	}
	for _, name := range interfaces {
		if _, twice := f.links[name]; twice {
			continue
		}
		if err := f.attach(name); err != nil {
			refused = append(refused, name+": "+flowNeeds.explain(err))
		}
	}
	if len(f.links) == 0 {
		return nil, refused, f.close()
	}
	return f, refused, nil
}

// loadFlowTable loads the program with a queue for each of cpus, and does not attach it.
func loadFlowTable(cpus []int) (*flowTable, error) {
	spec, err := loadFlows()
	if err != nil {
		return nil, err
	}
	spec.Maps[flowsMapFlows].MaxEntries = MaxFlows
	spec.Maps[flowsMapCpus].MaxEntries = uint32(slices.Max(cpus)) + 1
	f := &flowTable{links: map[string]link.Link{}}
	if err := spec.LoadAndAssign(&f.objs, nil); err != nil {
		return nil, err
	}
	for _, cpu := range cpus {
		if err := f.objs.Cpus.Update(uint32(cpu), flowsBpfCpumapVal{Qsize: cpuQueue}, ebpf.UpdateAny); err != nil {
			f.close()
			return nil, fmt.Errorf("queue of CPU %d: %w", cpu, err)
		}
	}
	return f, nil
}

// attach uses generic mode only: on a veth in native mode, packets that a CPUMAP moved had wrong TCP checksums.
func (f *flowTable) attach(name string) error {
	nic, err := net.InterfaceByName(name)
	if err != nil {
		return err
	}
	l, err := link.AttachXDP(link.XDPOptions{Program: f.objs.SteerFlow, Interface: nic.Index, Flags: link.XDPGenericMode})
	if err != nil {
		return err
	}
	f.links[name] = l
	return nil
}

// attached returns the interfaces that still have the program, sorted, and those that have gone since.
func (f *flowTable) attached() (on, gone []string) {
	for name, l := range f.links {
		info, err := l.Info()
		if err == nil && info.XDP() != nil && info.XDP().Ifindex != 0 {
			on = append(on, name)
		} else {
			gone = append(gone, name+": the interface is gone")
		}
	}
	slices.Sort(on)
	slices.Sort(gone)
	return on, gone
}

func (f *flowTable) set(local, remote netip.AddrPort, cpu int) error {
	return f.objs.Flows.Update(flowKey(local, remote), uint32(cpu), ebpf.UpdateAny)
}

func (f *flowTable) forget(local, remote netip.AddrPort) error {
	err := f.objs.Flows.Delete(flowKey(local, remote))
	if errors.Is(err, ebpf.ErrKeyNotExist) {
		return nil
	}
	return err
}

// flowKey returns the program's key for a connection: IPv4 as ::ffff:a.b.c.d, ports in network order, no zone.
func flowKey(local, remote netip.AddrPort) *flowsFlow {
	k := &flowsFlow{Remote: remote.Addr().As16(), Local: local.Addr().As16()}
	binary.BigEndian.PutUint16(k.RemotePort[:], remote.Port())
	binary.BigEndian.PutUint16(k.LocalPort[:], local.Port())
	return k
}

func (f *flowTable) close() error {
	var errs []error
	for _, l := range f.links {
		errs = append(errs, l.Close())
	}
	errs = append(errs, f.objs.Close())
	return errors.Join(errs...)
}
