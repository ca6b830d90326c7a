package clients_test

import (
	"testing"

	"github.com/ringtgt/ringtgt/tools/internal/daemon"
)

// Names and secrets of the CHAP tests. RFC 7143 12.1.3 wants secrets of at least 96 bits.
const (
	chapUser, chapSecret     = "initiator", "twelvebytes12345"
	mutualUser, mutualSecret = "ringtgt", "otherbytes678901"
)

const chapTarget = "iqn.2026-11.io.ringtgt:chap"

func chapConfig(mutual bool) string {
	config := `
[[portal]]
listen = "{{ADDR}}"

[[target]]
name = "` + chapTarget + `"
[target.chap]
user = "` + chapUser + `"
secret = "` + chapSecret + `"
`
	if mutual {
		config += `[target.mutual_chap]
user = "` + mutualUser + `"
secret = "` + mutualSecret + `"
`
	}
	return config + `[[target.lun]]
lun = 0
memory = "16MiB"
`
}

// One-way CHAP (RFC 7143 12.1.3): the right secret gets in; a wrong one, an unknown name and none at all do not.
func TestCHAP(t *testing.T) {
	needQemu(t)
	daemon.Need(t, "iscsi-inq", pkgLibiscsi)
	d := daemon.StartT(t, daemon.Options{Config: chapConfig(false), Target: chapTarget})
	qemuIO(t, d.AuthURL(chapUser, chapSecret, 0), "write -P 0x77 0 1M", "read -P 0x77 0 1M")
	run(t, "iscsi-inq", d.AuthURL(chapUser, chapSecret, 0))
	for name, url := range map[string]string{
		"wrong secret": d.AuthURL(chapUser, "wrongbytes123456", 0),
		"unknown name": d.AuthURL("stranger", chapSecret, 0),
		"no secret":    d.URL(0),
	} {
		if out, err := try(t, "", "iscsi-inq", url); err == nil {
			t.Errorf("%s: the login succeeded:\n%s", name, out)
		}
	}
	qemuIO(t, d.AuthURL(chapUser, chapSecret, 0), "read -P 0x77 0 1M")
}

// Mutual CHAP: the target proves itself too, and an initiator that expects another secret of it leaves.
func TestMutualCHAP(t *testing.T) {
	daemon.Need(t, "iscsi-inq", pkgLibiscsi)
	d := daemon.StartT(t, daemon.Options{Config: chapConfig(true), Target: chapTarget})
	url := d.AuthURL(chapUser, chapSecret, 0)
	run(t, "iscsi-inq", url)
	run(t, "iscsi-inq", url+"?target_user="+mutualUser+"&target_password="+mutualSecret)
	for name, args := range map[string]string{
		"wrong secret of the target": "?target_user=" + mutualUser + "&target_password=wrongbytes123456",
		"wrong name of the target":   "?target_user=stranger&target_password=" + mutualSecret,
	} {
		if out, err := try(t, "", "iscsi-inq", url+args); err == nil {
			t.Errorf("%s: the initiator accepted it:\n%s", name, out)
		}
	}
}

// A target without a secret of its own must not let mutual CHAP pass (a trap that others fell into).
func TestMutualCHAPWithoutASecret(t *testing.T) {
	daemon.Need(t, "iscsi-inq", pkgLibiscsi)
	d := daemon.StartT(t, daemon.Options{Config: chapConfig(false), Target: chapTarget})
	url := d.AuthURL(chapUser, chapSecret, 0) + "?target_user=" + mutualUser + "&target_password=" + mutualSecret
	if out, err := try(t, "", "iscsi-inq", url); err == nil {
		t.Errorf("mutual CHAP passed with a target that has no secret:\n%s", out)
	}
	run(t, "iscsi-inq", d.AuthURL(chapUser, chapSecret, 0))
}
