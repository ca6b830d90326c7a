package steer

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// selectionNeeds: sk_reuseport/migrate came with 5.14. The program type is free of CAP_NET_ADMIN (is_net_admin_prog_type).
var selectionNeeds = need{major: 5, minor: 14, caps: []capability{capBPF}}

// selection is the state that the portals' programs share: the initiators' turns.
type selection struct {
	turns     *ebpf.Map
	newcomers *ebpf.Map
}

// openSelection makes the shared maps, and loads a program once to check whether the kernel accepts it.
func openSelection(loops int) (*selection, error) {
	spec, err := loadSelection()
	if err != nil {
		return nil, err
	}
	s := &selection{}
	turns := spec.Maps[selectionMapTurns]
	turns.MaxEntries = MaxInitiators
	if s.turns, err = ebpf.NewMap(turns); err != nil {
		return nil, err
	}
	if s.newcomers, err = ebpf.NewMap(spec.Maps[selectionMapNewcomers]); err != nil {
		s.turns.Close()
		return nil, err
	}
	trial, err := s.load(loops)
	if err != nil {
		s.close()
		return nil, err
	}
	return s, trial.Close()
}

// portalProgram is one portal's program and maps.
type portalProgram struct {
	selectionPrograms
	selectionMaps
}

func (p *portalProgram) Close() error {
	return errors.Join(p.selectionPrograms.Close(), p.selectionMaps.Close())
}

// load makes a program for one portal, with space for its listeners.
func (s *selection) load(loops int) (*portalProgram, error) {
	spec, err := loadSelection()
	if err != nil {
		return nil, err
	}
	if err := spec.Variables[selectionVarLoops].Set(uint32(loops)); err != nil {
		return nil, err
	}
	spec.Maps[selectionMapListeners].MaxEntries = uint32(loops)
	spec.Maps[selectionMapTurns].MaxEntries = s.turns.MaxEntries()
	shared := map[string]*ebpf.Map{selectionMapTurns: s.turns, selectionMapNewcomers: s.newcomers}
	objs := &portalProgram{}
	if err := spec.LoadAndAssign(objs, &ebpf.CollectionOptions{MapReplacements: shared}); err != nil {
		return nil, err
	}
	return objs, nil
}

// attach gives a portal's group of listeners a program. The group keeps it and its maps until the last listener is
// closed, so nothing remains open here.
func (s *selection) attach(fds []int) error {
	objs, err := s.load(len(fds))
	if err != nil {
		return err
	}
	defer objs.Close()
	for i, fd := range fds {
		if err := objs.Listeners.Update(uint32(i), uint64(fd), ebpf.UpdateAny); err != nil {
			return fmt.Errorf("listener %d: %w", i, err)
		}
	}
	err = unix.SetsockoptInt(fds[0], unix.SOL_SOCKET, unix.SO_ATTACH_REUSEPORT_EBPF, objs.SelectLoop.FD())
	if err != nil {
		return fmt.Errorf("SO_ATTACH_REUSEPORT_EBPF: %w", err)
	}
	return nil
}

func (s *selection) close() error {
	return errors.Join(s.turns.Close(), s.newcomers.Close())
}
