package engine

import (
	"sync"
	"sync/atomic"

	"github.com/ringtgt/ringtgt/internal/iscsiname"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/session"
)

// SetDevices replaces the SCSI target devices that the node's targets give access to: a login to a target gets the device of its
// name. Sessions that are up keep theirs. Call it before the Node has the targets.
func (e *Engine) SetDevices(all ...*lun.Target) {
	d := &deviceSet{list: all, byName: make(map[string]*lun.Target, len(all))}
	for _, t := range all {
		d.byName[iscsiname.Fold(t.Name())] = t
	}
	e.devices.set.Store(d)
	for _, t := range all {
		t.Watch(e)
	}
	e.UnitsChanged()
	for _, l := range e.loops {
		l.Post(devicesChanged{l})
	}
}

// UnitsChanged implements lun.UnitsWatcher: the memory bound follows.
func (e *Engine) UnitsChanged() {
	if e.conns.Load() > 0 { // Start sets the first limit
		e.limitHeap()
	}
}

// devices are the SCSI target devices, by the name that they share with their iSCSI target.
type devices struct{ set atomic.Pointer[deviceSet] }

// deviceSet is a snapshot of the devices: never changed once published.
type deviceSet struct {
	list   []*lun.Target
	byName map[string]*lun.Target // in lower case, as session compares names
}

// of returns the device of an iSCSI target, nil if it has none.
func (d *devices) of(t *session.Target) *lun.Target {
	if s := d.set.Load(); s != nil {
		return s.byName[iscsiname.Fold(t.Name)]
	}
	return nil
}

func (d *devices) all() []*lun.Target {
	if s := d.set.Load(); s != nil {
		return s.list
	}
	return nil
}

// nexuses has the I_T nexus of every session, from session.Host.NewNexus to SessionDown. Logins use it, commands do not: see
// conn.nexus.
type nexuses struct {
	mu        sync.Mutex
	bySession map[*session.Session]*lun.Nexus
}

func (x *nexuses) enter(s *session.Session, n *lun.Nexus) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.bySession == nil {
		x.bySession = map[*session.Session]*lun.Nexus{}
	}
	x.bySession[s] = n
}

func (x *nexuses) of(s *session.Session) *lun.Nexus {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.bySession[s]
}

// leave returns the nexus of a session that has ended, and forgets it.
func (x *nexuses) leave(s *session.Session) *lun.Nexus {
	x.mu.Lock()
	defer x.mu.Unlock()
	n := x.bySession[s]
	delete(x.bySession, s)
	return n
}
