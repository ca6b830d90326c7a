package tgtadm

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/ringtgt/ringtgt/lun/backend"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/admin"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
)

// unit finds the logical unit of --lun.
func unit(t *config.Target, number int) *config.LUN {
	for i := range t.LUNs {
		if t.LUNs[i].Number == number {
			return &t.LUNs[i]
		}
	}
	return nil
}

func newUnit(c *call) error {
	t, err := c.target()
	if err != nil {
		return err
	}
	if unit(t, c.lun) != nil {
		return lunExists
	}
	if c.device != "" && c.device != "disk" {
		return unsupported
	}
	l := config.LUN{Number: c.lun}
	if c.blocksize != "" {
		if l.BlockSize, err = strconv.ParseInt(c.blocksize, 0, 64); err != nil {
			return invalid
		}
	}
	switch c.bstype {
	case "", "rdwr", "aio":
		if l.Path, err = filepath.Abs(c.path); err != nil {
			return err
		}
		info, err := os.Stat(l.Path)
		if err != nil {
			c.remark("%v", err)
			return invalid
		}
		l.Kind = backend.KindFile
		if info.Mode()&os.ModeDevice != 0 {
			l.Kind = backend.KindBlock
		}
		if strings.Contains(c.bsoflags, "direct") {
			l.Direct = backend.DirectOn
		}
	default: // rbd, glfs, sheepdog, sg, smc, ssc, mmc, null ...
		return unsupported
	}
	return c.do(map[error]failure{admin.ErrNotFound: noTarget, admin.ErrExists: lunExists}, admin.AddLUN{Target: t.Name, LUN: l})
}

func deleteUnit(c *call) error {
	t, err := c.target()
	if err != nil {
		return err
	}
	if unit(t, c.lun) == nil {
		return noLUN
	}
	op := admin.RemoveLUN{Target: t.Name, Number: c.lun}
	op.Force.Force = c.force
	return c.do(map[error]failure{admin.ErrNotFound: noLUN, admin.ErrInUse: lunActive}, op)
}

// updateUnit changes parameters: --params NAME=VALUE,NAME=VALUE.
func updateUnit(c *call) error {
	t, err := c.target()
	if err != nil {
		return err
	}
	old := unit(t, c.lun)
	if old == nil {
		return noLUN
	}
	l := *old
	for param := range strings.SplitSeq(c.params, ",") {
		name, value, _ := strings.Cut(param, "=")
		if name == "" {
			continue
		}
		if err := c.updateParam(t, &l, name, value); err != nil {
			return err
		}
	}
	kind := map[error]failure{admin.ErrNotFound: noLUN, admin.ErrInUse: lunActive}
	if l.ID == old.ID && l.Serial == old.Serial && l.Removable == old.Removable && l.Thin == old.Thin {
		if l.ReadOnly == old.ReadOnly {
			return nil
		}
		return c.do(kind, admin.SetLUN{Target: t.Name, Number: l.Number, ReadOnly: &l.ReadOnly})
	}
	return c.do(kind, admin.RemoveLUN{Target: t.Name, Number: l.Number}, admin.AddLUN{Target: t.Name, LUN: l})
}

// updateParam changes one parameter in l.
func (c *call) updateParam(t *config.Target, l *config.LUN, name, value string) error {
	yes := value == "1" || strings.EqualFold(value, "yes")
	switch name {
	case "scsi_id":
		l.ID = identity(t.Name, value)
	case "scsi_sn":
		l.Serial = value
	case "readonly":
		l.ReadOnly = yes
	case "removable":
		l.Removable = yes
	case "thin_provisioning":
		l.Thin = yes
	case "online":
		if !yes {
			return unsupported
		}
	case "vendor_id", "product_id", "product_rev", "sense_format", "lbppbe", "la_lba", "optimal_xfer_gran", "optimal_xfer_len", "mode_page",
		"swp", "rotation_rate", "write-cache":
		c.remark("%s has no effect: ringtgt reports its own", name)
	case "path":
		return unsupported
	default:
		return unknownParam
	}
	return nil
}

// identity is the ID of a unit with this scsi_id. Pacemaker's agents set the same one on every node that serves the unit in turn, so that
// initiators find one disk; but a scsi_id is only unique within a target.
func identity(target, scsiID string) string {
	sum := sha256.Sum256([]byte(target + "\x00" + scsiID))
	return "tgt-" + hex.EncodeToString(sum[:16])
}
