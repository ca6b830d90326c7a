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
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
)

// verb runs a command on the daemon.
func (n *node) verb(want int, line string) string {
	n.t.Helper()
	code, out, errs := runVerb(filepath.Join(n.dir, "c.sock"), strings.Fields(line)...)
	check.Equal(n.t, code, want, "exit code of %s: %s%s", line, out, errs)
	return strings.Join(strings.Fields(out+errs), " ")
}

// has checks that an output has each text.
func has(t *testing.T, out string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		check.That(t, strings.Contains(out, text), "%q is missing in %s", text, out)
	}
}

// With one target and one pool a size is all that a new LUN needs.
func TestLUNAddBySizeAlone(t *testing.T) {
	n := newNode(t, "[[target]]\nname = \""+targetA+"\"\n")
	has(t, n.verb(1, "lun add --size 10G --thin"), "there is no pool for it", "ringtgt pool add NAME DIR")
	has(t, n.verb(1, "lun add"), "--size for a new file")
	pool := filepath.Join(n.dir, "pool")
	must.OK(t, os.Mkdir(pool, 0o700))
	has(t, n.verb(0, "pool add fast "+pool), "added pool fast: "+pool)
	has(t, n.verb(0, "lun add --size 10G --thin"), "added lun 0 of "+targetA+": file "+pool+"/lun-", ".thin, 10 GiB, thin")
	has(t, n.verb(0, "lun add --size 4M --lun 7 --export iqn.2026-11.com.example:h=3"), "added lun 7 of "+targetA, ".img, 4.0 MiB")
	has(t, n.verb(0, "lun add --size 4M --lun 7"), "nothing to do")
	has(t, n.verb(1, "lun add --size 8M --lun 7"), "exists already")
	out := n.verb(0, "lun list")
	has(t, out, targetA+" 0 10 GiB file "+pool+"/lun-", ".thin thin all", targetA+" 7 4.0 MiB file", ".img - iqn.2026-11.com.example:h=3")
	check.Equal(t, len(must.Get(os.ReadDir(pool))(t)), 2, "volumes:")

	// What is refused leaves no volume.
	has(t, n.verb(1, "lun add --size 4M --block-size 513"), "block size 513 is neither")
	has(t, n.verb(1, "lun add --size 4M --lun 0"), "exists already")
	check.Equal(t, len(must.Get(os.ReadDir(pool))(t)), 2, "volumes after refusals:")

	_, err := n.manager.Do(n.ctx, admin.AddTarget{Name: targetB})
	must.OK(t, err)
	has(t, n.verb(1, "lun add --size 4M"), "there are 2 targets: name the one")
	_, err = n.manager.Do(n.ctx, admin.AddPool{Name: "more", Path: n.dir})
	must.OK(t, err)
	has(t, n.verb(1, "lun add "+targetB+" --size 4M"), "there are 2 pools")
}

// Without a pool a new LUN is a file beside the default disk.
func TestLUNAddBesideTheDefaultDisk(t *testing.T) {
	t.Chdir(t.TempDir())
	n := &node{t: t, dir: must.Get(os.Getwd())(t)}
	src, ps := load(config.Flags{Listen: []string{"127.0.0.1:0"}, Cores: "0", Steering: "off", Buffers: "64M", Control: filepath.Join(n.dir, "c.sock"), LogLevel: "error"}, false)
	must.Be(t, src != nil, "%v", ps)
	log, level := newLog(t.Output(), src.cfg.Server)
	n.daemon = must.Get(start(src, log, level))(t)
	defer n.stop()
	has(t, n.verb(0, "lun add --size 10G --thin"), "added lun 1 of "+config.DefaultTarget+": file "+n.dir+"/"+config.DefaultData+"/lun-", "10 GiB, thin")
	has(t, n.verb(0, "lun list"), "1.0 GiB file", "10 GiB file")
}

// An answer says how large a LUN is and who may change an object.
func TestAnswersHaveSizesAndOwners(t *testing.T) {
	n := newNode(t, fileA)
	_, err := n.manager.Do(n.ctx, unitOf(targetA, 5, filepath.Join(n.dir, "five.img")))
	must.OK(t, err)
	must.OK(t, os.Truncate(filepath.Join(n.dir, "a0.img"), 3<<20))
	n.refresh()
	c := api.Dial(filepath.Join(n.dir, "c.sock"))
	defer c.Close()
	var got api.Target
	must.OK(t, c.Request(n.ctx, http.MethodGet, "/v1/targets/"+targetA, nil, &got))
	must.Be(t, len(got.LUNs) == 2, "%+v", got)
	check.That(t, got.Owner == "file" && got.LUNs[0].Owner == "file" && got.LUNs[1].Owner == "command", "owners %s, %s, %s", got.Owner, got.LUNs[0].Owner, got.LUNs[1].Owner)
	check.That(t, got.LUNs[0].Bytes == 3<<20 && got.LUNs[0].Size == 1<<20 && got.LUNs[1].Bytes == 1<<20, "sizes %+v", got.LUNs)
}

// The status says who may log in, who sees a LUN, and who made it; a change of that is there at once.
func TestStatusHasAccessAndOwners(t *testing.T) {
	n := newNode(t, fileA+"[target.acl]\nnetworks = [\"127.0.0.0/8\"]\n")
	unit := unitOf(targetA, 5, filepath.Join(n.dir, "five.img"))
	_, err := n.manager.Do(n.ctx, unit, admin.AddACL{Target: targetA, Initiators: []string{"iqn.2026-11.com.example:*"}})
	must.OK(t, err)
	_, err = n.manager.Do(n.ctx, admin.SetLUN{Target: targetA, Number: 5, Exports: []config.Export{{Initiators: []string{"iqn.2026-11.com.example:h"}, Number: 2}}})
	must.OK(t, err)
	c := api.Dial(filepath.Join(n.dir, "c.sock"))
	defer c.Close()
	_, err = c.Do(n.ctx, admin.AddAccount{Target: targetA, User: "host-7", Secret: "a secret of host-7"})
	must.OK(t, err)
	s := must.Get(n.status(n.ctx))(t)
	must.Be(t, len(s.Targets) == 1 && len(s.Targets[0].LUNs) == 2, "%+v", s.Targets)
	got := &s.Targets[0]
	check.Equal(t, got.Owner+" "+got.LUNs[0].Owner+" "+got.LUNs[1].Owner, "file file command", "owners:")
	check.Equal(t, strings.Join(got.Accounts, " "), "host-7", "accounts:")
	must.Be(t, got.ACL != nil && len(got.LUNs[1].Exports) == 1, "%+v", got)
	check.Equal(t, strings.Join(append(got.ACL.Initiators, got.ACL.Networks...), " "), "iqn.2026-11.com.example:* 127.0.0.0/8", "the ACL:")
	check.Equal(t, exportText(&got.LUNs[1].Exports[0]), "iqn.2026-11.com.example:h as 2", "who sees LUN 5:")
}
