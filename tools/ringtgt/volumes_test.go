package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/medium"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/admin"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/api"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
)

// Clients create, expand, export, unexport, serve and delete the same few volumes at once. A refusal has its reason; and whenever they
// rest, what is served is the file that the pool has under that name, and every file of the pool is a volume.
func TestVolumesAtOnce(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	n := newNode(t, fileA+"[[pool]]\nname = \"p\"\npath = \"DIR\"\n")
	_, err := n.manager.Do(n.ctx, admin.AddTarget{Name: targetB})
	must.OK(t, err)
	rounds := 20
	if testing.Short() {
		rounds = 4
	}
	var mu sync.Mutex
	done, refused := 0, 0
	for round := range rounds {
		var work sync.WaitGroup
		for i := range 6 {
			rng := rand.New(rand.NewPCG(seed, uint64(round*100+i)))
			work.Go(func() {
				c := api.Dial(filepath.Join(n.dir, "c.sock"))
				defer c.Close()
				for range 12 {
					err := n.volumeStep(c, rng)
					mu.Lock()
					if done++; err != nil {
						refused++
					}
					mu.Unlock()
				}
			})
		}
		work.Wait()
		n.volumesAreWhole()
		must.Be(t, !t.Failed(), "round %d of seed %d", round, seed)
	}
	t.Logf("%d requests, %d of them refused", done, refused)
	must.OK(t, n.stop())
	n.start()
	n.volumesAreWhole()
}

// volumeStep sends one request about one of three volumes.
func (n *node) volumeStep(c *api.Client, rng *rand.Rand) error {
	name := fmt.Sprintf("v%d", rng.IntN(3))
	base := "/v1/pools/p/volumes/" + name
	export := base + fmt.Sprintf("/exports/iqn.2026-11.com.example:h%d", rng.IntN(2))
	var method, path string
	var body any
	switch k := rng.IntN(7); k {
	case 0, 1:
		method, path, body = http.MethodPut, base, api.NewVolume{Size: 1 << 20, Thin: k == 0}
	case 2:
		method, path, body = http.MethodPatch, base, api.VolumeChange{Size: 2 << 20}
	case 3:
		method, path = http.MethodDelete, base
	case 4:
		method, path, body = http.MethodPut, export, api.NewExport{Target: targetB}
	case 5:
		method, path = http.MethodDelete, export
	case 6: // not by the pool's paths: the lock of the file itself counts
		_, err := c.Do(n.ctx, admin.AddLUN{Target: targetB, LUN: config.LUN{Number: 100 + rng.IntN(3), Kind: "file", Path: filepath.Join(n.dir, name+".thin")}})
		if err == nil {
			_, err = c.Do(n.ctx, admin.RemoveLUN{Target: targetB, Number: 100}, admin.RemoveLUN{Target: targetB, Number: 101}, admin.RemoveLUN{Target: targetB, Number: 102})
		}
		return n.reasoned("serve "+name, err)
	}
	return n.reasoned(method+" "+path, c.Request(n.ctx, method, path, body, nil))
}

// reasoned checks that a refusal is one of the state that another client has made.
func (n *node) reasoned(what string, err error) error {
	if err == nil {
		return nil
	}
	for _, is := range []error{admin.ErrNotFound, admin.ErrExists, admin.ErrInUse, admin.ErrInvalid} {
		if errors.Is(err, is) {
			return err
		}
	}
	for _, says := range []string{"deleted while it was opened", "no such file", "is missing", "than a moment ago"} { // between the plan and the opening
		if strings.Contains(err.Error(), says) {
			return err
		}
	}
	n.t.Errorf("%s: %v", what, err)
	return err
}

// volumesAreWhole compares what is served with the pool's directory.
func (n *node) volumesAreWhole() {
	n.t.Helper()
	c := api.Dial(filepath.Join(n.dir, "c.sock"))
	defer c.Close()
	var list struct {
		Volumes []api.Volume `json:"volume"`
	}
	must.OK(n.t, c.Request(n.ctx, http.MethodGet, "/v1/pools/p/volumes", nil, &list))
	listed := map[string]bool{}
	for _, v := range list.Volumes {
		listed[v.Path] = true
	}
	n.now().each(func(t *servedTarget, u *servedUnit) {
		seen, err := medium.OfPath(u.cfg.Path)
		check.That(n.t, err == nil && medium.Differs(u.medium, seen) == "", "target %s lun %d serves %s, and there is: %v, %v", t.cfg.Name, u.cfg.Number, u.cfg.Path, seen, err)
	})
	for _, e := range must.Get(os.ReadDir(n.dir))(n.t) {
		path := filepath.Join(n.dir, e.Name())
		volume := strings.HasSuffix(path, ".img") || strings.HasSuffix(path, ".thin")
		check.That(n.t, !strings.HasPrefix(e.Name(), ".") && (!volume || listed[path]), "%s is left", path)
	}
}
