package main

import "time"

// reloadWait bounds how long the end of the daemon waits for a reload, which may hang in a dead file system.
const reloadWait = 5 * time.Second

// reload is SIGHUP. It does not wait: further signals during a reload make one more.
func (m *manager) reload() {
	select {
	case m.signal <- struct{}{}:
	default:
	}
}

// reloads carries out reloads, one after another, until the manager's end.
func (m *manager) reloads() {
	defer close(m.reloaded)
	for {
		select {
		case <-m.ctx.Done():
			return
		case <-m.signal:
			m.reloadNow()
		}
	}
}

// reloadNow applies the configuration file, if there is one, and inspects the media.
func (m *manager) reloadNow() {
	log := m.d.log
	if m.src.flags.Config != "" {
		if plan, err := m.Apply(m.ctx, false, false); err != nil {
			log.Error("the configuration was not applied", "err", err)
		} else {
			for _, setting := range plan.Restart {
				log.Warn("the setting takes effect when the daemon starts again", "setting", setting)
			}
		}
	}
	m.d.refresh()
}

// endReloads waits until no reload uses the media any more.
func (m *manager) endReloads() {
	limit := time.NewTimer(reloadWait)
	defer limit.Stop()
	select {
	case <-m.reloaded:
	case <-limit.C:
		m.d.log.Warn("a reload hangs in the file system of a medium")
	}
}
