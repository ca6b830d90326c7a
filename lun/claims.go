package lun

import "fmt"

// CHAP authenticates an account, not an initiator name, which every initiator chooses itself. A registration outlives the
// session that made it and applies to the next session of the initiator port with that name. So it belongs to the account that
// made it.

// Claims returns an error if a nexus must not be made, because its initiator port has a persistent registration made by another
// account, and known reports that this account still exists. A registration that another nexus made for the port (SPEC_I_PT,
// REGISTER AND MOVE) belongs to the first account that logs in.
func (tg *Target) Claims(cfg *NexusConfig, known func(account string) bool) error {
	port := cfg.portNameOf()
	for _, u := range tg.Units() {
		if other := u.registeredBy(port); other != "" && other != cfg.Account && known(other) {
			return fmt.Errorf("initiator port %s is registered with a logical unit by another CHAP account, %q", port, other)
		}
	}
	return nil
}

// registeredBy returns the account that registered an initiator port, or "".
func (u *Unit) registeredBy(port string) string {
	u.mu.Lock()
	defer u.mu.Unlock()
	for i := range u.pr.now.regs {
		if g := &u.pr.now.regs[i]; g.id.port == port && g.account != "" {
			return g.account
		}
	}
	return ""
}
