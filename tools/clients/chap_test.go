package clients_test

import (
	"os"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/harness"
	"github.com/ringtgt/ringtgt/internal/must"
)

// Names and secrets of the CHAP tests. RFC 7143 9.2.1 wants secrets of at least 96 bits.
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
	harness.Need(t, "iscsi-inq", pkgLibiscsi)
	d := harness.StartT(t, harness.Options{Config: chapConfig(false), Target: chapTarget})
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
	harness.Need(t, "iscsi-inq", pkgLibiscsi)
	d := harness.StartT(t, harness.Options{Config: chapConfig(true), Target: chapTarget})
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
	harness.Need(t, "iscsi-inq", pkgLibiscsi)
	d := harness.StartT(t, harness.Options{Config: chapConfig(false), Target: chapTarget})
	url := d.AuthURL(chapUser, chapSecret, 0) + "?target_user=" + mutualUser + "&target_password=" + mutualSecret
	if out, err := try(t, "", "iscsi-inq", url); err == nil {
		t.Errorf("mutual CHAP passed with a target that has no secret:\n%s", out)
	}
	run(t, "iscsi-inq", d.AuthURL(chapUser, chapSecret, 0))
}

// The clients that docs/configuration.md names can log in to its CHAP example with the URLs given there.
func TestCHAPDocument(t *testing.T) {
	harness.Need(t, "iscsi-inq", pkgLibiscsi)
	doc := must.Get(os.ReadFile("../../docs/configuration.md"))(t)
	_, section, _ := strings.Cut(string(doc), "\n## CHAP\n")
	_, rest, ok1 := strings.Cut(section, "```toml\n")
	config, rest, ok2 := strings.Cut(rest, "```")
	_, rest, ok3 := strings.Cut(rest, "libiscsi and qemu: `")
	url, rest, ok4 := strings.Cut(rest, "`")
	_, rest, ok5 := strings.Cut(rest, "`")
	mutual, _, ok6 := strings.Cut(rest, "`")
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 || !ok6 || !strings.HasPrefix(url, "iscsi://") || !strings.HasPrefix(mutual, "?") {
		t.Fatalf("the example is not found in the page: %q %q", url, mutual)
	}
	t.Setenv("HOST_7_SECRET", chapSecret)
	_, target, _ := strings.Cut(url, ":3260/")
	d := harness.StartT(t, harness.Options{Config: "[[portal]]\nlisten = \"{{ADDR}}\"\n" + config, Target: strings.TrimSuffix(target, "/0")})
	url = strings.NewReplacer("SECRET", chapSecret, "192.0.2.1:3260", d.Addr()).Replace(url)
	_, secret, _ := strings.Cut(config, "[target.mutual_chap]")
	_, secret, _ = strings.Cut(secret, "secret = \"")
	secret, _, _ = strings.Cut(secret, "\"")
	mutual = strings.ReplaceAll(mutual, "SECRET_OF_THE_TARGET", secret)
	const host = "iqn.1993-08.org.debian:01:host-7"
	run(t, "iscsi-inq", "-i", host, url)
	if out, err := try(t, "", "iscsi-inq", "-i", "iqn.2026-11.com.example:another", url); err == nil {
		t.Errorf("another initiator name: the login succeeded:\n%s", out)
	}
	run(t, "iscsi-inq", "-i", host, url+mutual)
}
