package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/admin"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/api"
)

// What a command refuses it refuses in words that its user has typed, and says what to type instead.
func TestMessages(t *testing.T) {
	n := newNode(t, fileA)
	must.OK(t, os.Mkdir(filepath.Join(n.dir, "pool"), 0o700))
	c := api.Dial(filepath.Join(n.dir, "c.sock"))
	defer c.Close()
	_, err := c.Do(n.ctx, admin.AddPool{Name: "p", Path: filepath.Join(n.dir, "pool")}, admin.AddAccount{Target: targetA, User: "u", Secret: "a secret of u"})
	must.OK(t, err)
	must.OK(t, c.Request(n.ctx, http.MethodPut, "/v1/pools/p/volumes/v", api.NewVolume{Size: 1 << 20}, nil))
	short := filepath.Join(n.dir, "short")
	must.OK(t, os.WriteFile(short, []byte("short"), 0o600))
	for line, want := range map[string]string{
		"target add":                   "ringtgt: <IQN> is missing ringtgt target add --help lists its arguments.",
		"lun resize " + targetA + " 0": "<SIZE> is missing ringtgt lun resize --help lists its arguments.",
		"target set " + targetA:        "nothing to change: give --alias",
		"account add " + targetA + " v --secret-file " + short: `account "v" is invalid: the secret has 5 bytes`,
		"account remove " + targetA + " u":                     "repeat it with --open",
		"portal add 192.0.2.77:3260":                           "192.0.2.77:3260: cannot assign requested address",
		"volume add p/v":                                       "a volume needs --size, or --from",
		"volume add p/w --from q/v":                            "a snapshot is in the pool of its source",
		"volume add p/w --size 1M --from v":                    "a snapshot has the size of its source",
		"volume add p/v --size 2M":                             "exists already, with other values: 1.0 MiB, not thin",
		"volume resize p/v 512K":                               "size 512 KiB is invalid: volume v has 1.0 MiB, and cannot shrink",
		"volume remove v":                                      `"v" is not POOL/VOLUME, such as fast/disk-1`,
	} {
		out := n.verb(1, line)
		check.That(t, strings.Contains(out, want), "%s: %s\nwant %s", line, out, want)
		check.That(t, !strings.Contains(out, "secrets/chap-") && !strings.Contains(out, "owned.toml"), "%s: %s", line, out)
	}
	// The pool may be named as elsewhere.
	out := n.verb(1, "volume add p/w --from p/none")
	check.That(t, strings.Contains(out, "volume none does not exist"), "%s", out)
}
