package livetest

import (
	"context"
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

	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/admin"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/api"
)

// volumeModel is what one client knows of its volume: what was answered, and what was under way when the daemon was killed.
type volumeModel struct {
	name           string
	size           int64 // 0: there is none
	exported       bool
	wants          int64 // the size that was under way; -1: none was
	wantsExport    bool  // the export that was under way
	exportUnderWay bool
}

// settle accepts what is there if it is what was answered or what was under way.
func (v *volumeModel) settle(t *testing.T, size int64, exported bool) {
	t.Helper()
	if size != v.size && size != v.wants {
		t.Errorf("volume %s has %d bytes; answered were %d, under way %d", v.name, size, v.size, v.wants)
	}
	if exported != v.exported && !(v.exportUnderWay && exported == v.wantsExport) {
		t.Errorf("volume %s is exported: %v; answered was %v, under way %v %v", v.name, exported, v.exported, v.exportUnderWay, v.wantsExport)
	}
	*v = volumeModel{name: v.name, size: size, exported: exported, wants: -1}
}

const volumeHost = "iqn.2026-11.com.example:host"

// step sends the next request about the volume. It returns an error when the daemon is gone.
func (v *volumeModel) step(ctx context.Context, n *node, c *api.Client, rng *rand.Rand) error {
	base := "/v1/pools/p/volumes/" + v.name
	export := base + "/exports/" + volumeHost
	var err error
	switch {
	case v.size == 0:
		v.wants = 1 << 20
		if rng.IntN(2) == 0 { // takes time
			v.wants = 64 << 20
		}
		err = c.Request(ctx, http.MethodPut, base, api.NewVolume{Size: api.Size(v.wants), Thin: rng.IntN(2) == 0}, nil)
	case v.exported && rng.IntN(2) == 0 || !v.exported && rng.IntN(3) == 0:
		v.exportUnderWay, v.wantsExport = true, !v.exported
		if v.wantsExport {
			err = c.Request(ctx, http.MethodPut, export, api.NewExport{Target: made}, nil)
		} else {
			err = c.Request(ctx, http.MethodDelete, export, nil, nil)
		}
	case rng.IntN(2) == 0 || v.exported:
		v.wants = v.size + 1<<20
		err = c.Request(ctx, http.MethodPatch, base, api.VolumeChange{Size: api.Size(v.wants)}, nil)
	default:
		v.wants = 0
		err = c.Request(ctx, http.MethodDelete, base, nil, nil)
	}
	if err != nil {
		for _, refusal := range []error{admin.ErrBusy, admin.ErrExists, admin.ErrInUse, admin.ErrInvalid, admin.ErrNotFound} {
			if errors.Is(err, refusal) {
				n.t.Errorf("refused: %v", err)
			}
		}
		return err
	}
	if v.wants >= 0 {
		v.size = v.wants
	}
	if v.exportUnderWay {
		v.exported = v.wantsExport
	}
	v.wants, v.exportUnderWay = -1, false
	return nil
}

// The daemon is killed at random points while volumes are made, expanded, exported, unexported and deleted, and pools come and go. It
// comes up with each volume as it was before or as it was asked for, whole, and no file is in the pool that is not listed as a volume.
func TestKillDuringVolumes(t *testing.T) {
	kills := 40
	if testing.Short() {
		kills = 4
	}
	seed := rand.Uint64()
	t.Logf("seed %#x", seed)
	n := newNode(t, loadText)
	pool := filepath.Join(n.dir, "pool")
	must.OK(t, os.Mkdir(pool, 0o700))
	must.OK(t, os.Mkdir(pool+"2", 0o700))
	_, err := n.api.Do(n.ctx(), admin.AddTarget{Name: made}, admin.AddPool{Name: "p", Path: pool})
	must.OK(t, err)
	volumes := make([]*volumeModel, 4)
	for i := range volumes {
		volumes[i] = &volumeModel{name: fmt.Sprintf("v%d", i), wants: -1}
	}
	pauses, steps := rand.New(rand.NewPCG(seed, 99)), 0
	for cycle := range kills {
		ctx, cancel := context.WithCancel(context.Background())
		var work sync.WaitGroup
		var mu sync.Mutex
		for i, v := range volumes {
			rng := rand.New(rand.NewPCG(seed, uint64(cycle*10+i)))
			work.Go(func() {
				c := api.Dial(filepath.Join(n.dir, "c.sock"))
				defer c.Close()
				for v.step(ctx, n, c, rng) == nil {
					mu.Lock()
					steps++
					mu.Unlock()
				}
			})
		}
		work.Go(func() { // a pool that comes and goes is there or not, and disturbs nobody
			c := api.Dial(filepath.Join(n.dir, "c.sock"))
			defer c.Close()
			for {
				if _, err := c.Do(ctx, admin.AddPool{Name: "q", Path: pool + "2"}); err != nil {
					return
				}
				if _, err := c.Do(ctx, admin.RemovePool{Name: "q"}); err != nil {
					return
				}
			}
		})
		time.Sleep(time.Duration(pauses.Int64N(int64(150 * time.Millisecond)))) // the point of the kill
		must.OK(t, n.Kill())
		cancel()
		work.Wait()
		n.start()
		n.checkVolumes(pool, volumes)
		must.Be(t, !t.Failed(), "cycle %d, seed %#x", cycle, seed)
	}
	t.Logf("%d requests were answered before %d kills", steps, kills)
	must.OK(t, n.Terminate(0))
}

// checkVolumes compares the daemon that started again with what is known.
func (n *node) checkVolumes(pool string, volumes []*volumeModel) {
	n.t.Helper()
	var list struct {
		Volumes []api.Volume `json:"volume"`
	}
	must.OK(n.t, n.api.Request(n.ctx(), http.MethodGet, "/v1/pools/p/volumes", nil, &list))
	there := map[string]api.Volume{}
	listed := map[string]bool{}
	for _, v := range list.Volumes {
		there[v.Name], listed[filepath.Base(v.Path)] = v, true
	}
	for _, v := range volumes {
		have := there[v.name]
		v.settle(n.t, have.Size, len(have.Exports) > 0)
	}
	for _, e := range must.Get(os.ReadDir(pool))(n.t) {
		if !listed[e.Name()] {
			n.t.Errorf("%s is left in the pool, and is no volume", e.Name())
		}
	}
	for _, e := range must.Get(os.ReadDir(n.dir))(n.t) {
		if strings.HasPrefix(e.Name(), ".") {
			n.t.Errorf("%s is left", e.Name())
		}
	}
	for _, t := range n.config().Targets {
		for _, l := range t.LUNs {
			if _, err := os.Stat(l.Path); l.Path != "" && err != nil {
				n.t.Errorf("lun %d of %s: %v", l.Number, t.Name, err)
			}
		}
	}
}
