package main

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/ringtgt/ringtgt/bench/initiator"
	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/admin"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/api"
)

// What a CSI driver does, each call twice: CreateVolume, ControllerPublishVolume, NodeStageVolume, ControllerExpandVolume,
// ControllerUnpublishVolume, DeleteVolume. An initiator sees its volumes and no others.
func TestCSIDriver(t *testing.T) {
	n := newNode(t, "[[target]]\nname = \""+targetA+"\"\n[[target.lun]]\nlun = 0\nmemory = \"1M\"\n")
	pool := filepath.Join(n.dir, "pool")
	must.OK(t, os.Mkdir(pool, 0o700))
	c := api.Dial(n.controlPath())
	defer c.Close()
	const (
		base   = "/v1/pools/fast/volumes/"
		host   = "iqn.2026-11.com.example:host-7"
		other  = "iqn.2026-11.com.example:host-8"
		secret = "0123456789abcdef"
		target = "/v1/targets/" + targetB
	)
	request := func(method, path string, body any) (r api.Result) {
		t.Helper()
		must.OK(t, c.Request(n.ctx, method, path, body, &r), "%s %s", method, path)
		return r
	}
	twice := func(method, path string, body any) api.Result {
		t.Helper()
		first := request(method, path, body)
		check.That(t, first.Changed, "%s %s changed nothing: %+v", method, path, first)
		again := request(method, path, body)
		check.That(t, !again.Changed && len(again.Steps) == 0, "%s %s again: %+v", method, path, again)
		return again
	}
	twice(http.MethodPut, "/v1/pools/fast", api.NewPool{Path: pool})

	// CreateVolume
	for _, name := range []string{"pvc-1", "pvc-2"} {
		v := twice(http.MethodPut, base+name, api.NewVolume{Size: 4 << 20, Thin: true}).Volume
		check.That(t, v != nil && v.Size == 4<<20 && v.Thin && len(v.Exports) == 0, "volume %+v", v)
	}

	// ControllerPublishVolume
	twice(http.MethodPut, target, api.NewTarget{Alias: "volumes"})
	twice(http.MethodPut, target+"/accounts/host-7", api.NewAccount{Secret: secret, Initiators: []string{host}})
	e := twice(http.MethodPut, base+"pvc-1/exports/"+host, api.NewExport{Target: targetB, Account: "host-7"}).Export
	must.Be(t, e != nil && e.LUN == 0 && e.Target == targetB && e.Account == "host-7", "export %+v", e)
	e = twice(http.MethodPut, base+"pvc-2/exports/"+other, api.NewExport{Target: targetB}).Export
	must.Be(t, e != nil && e.LUN == 0, "another initiator has numbers of its own: %+v", e)
	err := c.Request(n.ctx, http.MethodDelete, base+"pvc-1", nil, nil)
	check.That(t, errors.Is(err, admin.ErrInUse), "a volume that is exported is deleted: %v", err)
	err = c.Request(n.ctx, http.MethodPut, base+"pvc-1/exports/"+other, api.NewExport{Target: targetB, Account: "nobody"}, nil)
	check.That(t, errors.Is(err, admin.ErrNotFound), "an export to an account that is not there: %v", err)

	// NodeStageVolume
	s, err := initiator.Dial(n.ctx, initiator.Config{
		Portals: []string{n.now().portals[0].bound.String()}, TargetName: targetB, InitiatorName: host,
		CHAP: initiator.CHAP{User: "host-7", Secret: secret},
	})
	must.OK(t, err)
	defer s.Close()
	must.OK(t, s.Ready(n.ctx, 0, initiator.LUN(0)))
	check.Equal(t, n.luns(s), "0", "LUNs:")
	blocks, _, err := s.Capacity(n.ctx, 0, initiator.LUN(0))
	must.OK(t, err)
	check.Equal(t, blocks, 4<<20/512, "blocks:")
	e = twice(http.MethodPut, base+"pvc-2/exports/"+host, api.NewExport{Target: targetB, Account: "host-7"}).Export
	must.Be(t, e != nil && e.LUN == 1, "the second volume: %+v", e)
	n.attention(s, 0, "3F/0E")
	check.Equal(t, n.luns(s), "0 1", "LUNs:")

	// GetCapacity
	var pools struct {
		Pools []api.Pool `json:"pool"`
	}
	must.OK(t, c.Request(n.ctx, http.MethodGet, "/v1/pools", nil, &pools))
	must.Be(t, len(pools.Pools) == 1 && pools.Pools[0].Available > 0 && pools.Pools[0].Total >= pools.Pools[0].Available, "%+v", pools)

	// ControllerExpandVolume, with the session up
	twice(http.MethodPatch, base+"pvc-1", api.VolumeChange{Size: 8 << 20})
	n.attention(s, 0, "2A/09")
	blocks, _, err = s.Capacity(n.ctx, 0, initiator.LUN(0))
	must.OK(t, err)
	check.Equal(t, blocks, 8<<20/512, "blocks of the volume that grew:")
	err = c.Request(n.ctx, http.MethodPatch, base+"pvc-1", api.VolumeChange{Size: 4 << 20}, nil)
	check.That(t, errors.Is(err, admin.ErrInvalid), "a volume shrinks: %v", err)

	// ControllerUnpublishVolume: the other initiator keeps its volume
	twice(http.MethodDelete, base+"pvc-2/exports/"+host, nil)
	check.Equal(t, n.luns(s), "0", "LUNs:")
	twice(http.MethodDelete, base+"pvc-1/exports/"+host, nil)
	check.Equal(t, n.luns(s), "", "LUNs:")
	var v api.Volume
	must.OK(t, c.Request(n.ctx, http.MethodGet, base+"pvc-2", nil, &v))
	check.That(t, len(v.Exports) == 1 && v.Exports[0].Initiator == other, "exports %+v", v.Exports)

	// DeleteVolume, and a new volume of the same name is a new disk
	twice(http.MethodDelete, base+"pvc-1", nil)
	twice(http.MethodPut, base+"pvc-1", api.NewVolume{Size: 1 << 20})
	twice(http.MethodPut, base+"pvc-1/exports/"+host, api.NewExport{Target: targetB})

	// a restart keeps all of it
	must.OK(t, n.stop())
	n.start()
	var list struct {
		Volumes []api.Volume `json:"volume"`
	}
	must.OK(t, c.Request(n.ctx, http.MethodGet, "/v1/pools/fast/volumes", nil, &list))
	text := must.Get(json.Marshal(list.Volumes))(t)
	check.That(t, len(list.Volumes) == 2 && len(list.Volumes[0].Exports) == 1 && len(list.Volumes[1].Exports) == 1, "after a restart: %s", text)
}
