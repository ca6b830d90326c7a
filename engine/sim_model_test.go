package engine

import (
	"slices"
)

// simModel is what the initiator may expect of the disk: for each block the writes that it may hold. An acknowledged write
// rules out all writes that were over before it was issued. A write that ended without a status (aborted, connection lost)
// may have taken effect or not.
type simModel struct {
	blocks [simUnits][simBlocks][]*simCmd
}

// init starts with empty disks.
func (m *simModel) init() {
	empty := &simCmd{over: -1}
	for u := range m.blocks {
		for b := range m.blocks[u] {
			m.blocks[u][b] = []*simCmd{empty}
		}
	}
}

// issued notes a command that is about to be sent.
func (m *simModel) issued(cmd *simCmd) {
	for i := range cmd.n {
		at := &m.blocks[cmd.lun][cmd.lba+i]
		switch cmd.kind {
		case simWrite, simUnmap:
			*at = append(*at, cmd)
		case simRead:
			cmd.legit = append(cmd.legit, slices.Clone(*at))
		}
	}
}

// answered processes a command that ended with GOOD.
func (m *simModel) answered(w *simWorld, cmd *simCmd) {
	switch cmd.kind {
	case simWrite, simUnmap:
		for i := range cmd.n {
			at := &m.blocks[cmd.lun][cmd.lba+i]
			*at = slices.DeleteFunc(*at, func(o *simCmd) bool { return o.over != 0 && o.over < cmd.issued })
		}
	case simRead:
		m.read(w, cmd)
	}
}

// nothing processes a command whose status tells that it had no effect.
func (m *simModel) nothing(cmd *simCmd) {
	if !cmd.writes() {
		return
	}
	cmd.void = true
	for i := range cmd.n {
		at := &m.blocks[cmd.lun][cmd.lba+i]
		*at = slices.DeleteFunc(*at, func(o *simCmd) bool { return o == cmd })
	}
}

// read checks the data of a read: every block must be as one of the possible last writes left it.
func (m *simModel) read(w *simWorld, cmd *simCmd) {
	if len(cmd.got) != cmd.n*simBlockLen {
		w.Fatalf("%v: %d bytes came", cmd, len(cmd.got))
	}
	for i := range cmd.n {
		lba := cmd.lba + i
		may := slices.Clone(cmd.legit[i])
		for _, o := range w.cmds { // commands issued while the read was under way
			if o.writes() && o.issued > cmd.issued && o.lun == cmd.lun && o.lba <= lba && lba < o.lba+o.n {
				may = append(may, o)
			}
		}
		if !m.holds(cmd, i, may) {
			got := cmd.got[i*simBlockLen:]
			w.Fatalf("%v: block %d holds %x, and may hold %v", cmd, i, got[:16], may)
		}
	}
}

// holds reports whether block i of a read is as one of may left it. A block that is sent straight from the medium may be
// written meanwhile; then the same is true of each byte.
func (m *simModel) holds(cmd *simCmd, i int, may []*simCmd) bool {
	got := cmd.got[i*simBlockLen : (i+1)*simBlockLen]
	var known [simBlockLen]bool
	for _, o := range may {
		if o.void {
			continue
		}
		var want [simBlockLen]byte
		if o.kind == simWrite && o.id != 0 {
			simFill(want[:], o.id, cmd.lun, cmd.lba+i)
		}
		if string(got) == string(want[:]) {
			return true
		}
		for at := range want {
			known[at] = known[at] || got[at] == want[at]
		}
	}
	return cmd.lun == simMemory && !slices.Contains(known[:], false)
}
