package kerneltest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/ringtgt/ringtgt/internal/harness"
)

// ringtgtKind runs the serve command of tools/ringtgt. A restart finds its state where the killed one left it.
var ringtgtKind = targetKind{
	command: func(ctx context.Context, c targetConfig) (*exec.Cmd, error) {
		binary, err := harness.Build(ctx)
		if err != nil {
			return nil, err
		}
		config := filepath.Join(c.dir, "ringtgt.toml")
		if err := os.WriteFile(config, []byte(ringtgtTOML(c)), 0o600); err != nil {
			return nil, err
		}
		return exec.Command(binary, "serve", "--config", config, "--state", filepath.Join(c.dir, "state")), nil
	},
}

// ringtgtTOML writes the configuration file; docs/configuration.md has its keys.
func ringtgtTOML(c targetConfig) string {
	var out strings.Builder
	fmt.Fprintf(&out, "[[portal]]\nlisten = %q\n", c.listen)
	for _, t := range c.targets {
		fmt.Fprintf(&out, "\n[[target]]\nname = %q\n", t.iqn)
		if a := t.incoming; a != nil {
			fmt.Fprintf(&out, "[target.chap]\nuser = %q\nsecret = %q\n", a.user, a.secret)
		}
		if a := t.outgoing; a != nil {
			fmt.Fprintf(&out, "[target.mutual_chap]\nuser = %q\nsecret = %q\n", a.user, a.secret)
		}
		for _, name := range t.initiators {
			fmt.Fprintf(&out, "[target.acl]\ninitiators = [%q]\n", name)
		}
		for _, l := range t.luns {
			fmt.Fprintf(&out, "[[target.lun]]\nlun = %d\nfile = %q\nblock_size = %d\nread_only = %t\nthin = %t\n",
				l.number, l.path, l.blockSize, l.readOnly, l.thin)
		}
	}
	return out.String()
}
