package lun

import "fmt"

// An initiator's name is what it says it is; CHAP proves an account, not a name. A registration outlives the session that made
// it, and whoever logs in by its initiator port's name has it. So it is for the account that made it.

// Claims says why a nexus is not to be made: a persistent registration of its initiator port was made by another account, one
// of those that the target knows still. What another nexus registered for the port (SPEC_I_PT, REGISTER AND MOVE) is for the
// account that comes first.
func (tg *Target) Claims(cfg *NexusConfig, known func(account string) bool) error {
	port := cfg.portNameOf()
	for _, u := range tg.Units() {
		if other := u.registeredBy(port); other != "" && other != cfg.Account && known(other) {
			return fmt.Errorf("initiator port %s is registered with a logical unit by another CHAP account, %q", port, other)
		}
	}
	return nil
}

// registeredBy is the account that registered an initiator port, "" when none did.
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
