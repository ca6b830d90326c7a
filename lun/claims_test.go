package lun_test

import (
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/lun"
)

// A registration outlives the session that made it and a restart (SPC-4 5.13.5.1), and so does its tie to the account. Another
// account that uses the initiator port's name does not get the reservation.
func TestRegistrationIsItsAccounts(t *testing.T) {
	known := func(account string) bool { return account != "gone" }
	for _, restart := range []bool{false, true} {
		r := newPRRig(t)
		cfg := lun.NexusConfig{InitiatorName: prNode(1), Account: "a", ISID: [6]byte{0, 2, 0x3D, 0, 0, 1}, TPGT: 1, RelPort: 1}
		other := cfg
		other.Account = "b"
		must.OK(t, r.tg.Claims(&other, known))
		a := r.tg.NewNexus(cfg)
		r.attentions(a)
		r.good("register", r.prout(a, saRegister, 0, 0, k1, flagAPTPL))
		r.good("reserve", r.prout(a, saReserve, 1, k1, 0, 0))
		a.Close()
		if restart {
			r = r.restart()
		}
		if err := r.tg.Claims(&other, known); err == nil || !strings.Contains(err.Error(), "another CHAP account") {
			t.Errorf("restart %v: account b has the nexus: %v", restart, err)
		}
		check.OK(t, r.tg.Claims(&cfg, known), "restart %v: its own account", restart)
		none := cfg
		none.Account = ""
		check.OK(t, r.tg.Claims(&none, func(string) bool { return false }), "an account that is no more holds its nexus")
		upper := other
		upper.InitiatorName = strings.ToUpper(upper.InitiatorName)
		check.That(t, r.tg.Claims(&upper, known) != nil, "names compare without regard to case")
		again := r.tg.NewNexus(cfg)
		r.attentions(again)
		r.good("unregister", r.prout(again, saRegister, 0, k1, 0, 0))
		check.OK(t, r.tg.Claims(&other, known), "nothing is registered any more")
	}
}
