package session

import (
	"encoding/binary"
	"slices"
)

// mcModel is the disk as the initiator may think of it: for each block the writes that it may hold. A write that was
// acknowledged drives out all those that had come to their end before it was issued; one whose end was reported without a
// status (aborted, connection lost) may have taken effect or not.
type mcModel struct {
	blocks [mcUnits][mcBlocks][]*mcCmd
}

// init puts the empty disk there.
func (m *mcModel) init() {
	empty := &mcCmd{over: -1}
	for u := range m.blocks {
		for b := range m.blocks[u] {
			m.blocks[u][b] = []*mcCmd{empty}
		}
	}
}

// issued notes a command that is sent from now on.
func (m *mcModel) issued(cmd *mcCmd) {
	for i := range cmd.n {
		at := &m.blocks[cmd.lun][cmd.lba+i]
		switch cmd.kind {
		case mcWrite:
			*at = append(*at, cmd)
		case mcRead:
			cmd.legit = append(cmd.legit, slices.Clone(*at))
		}
	}
}

// answered is a command with status GOOD.
func (m *mcModel) answered(w *mcWorld, cmd *mcCmd) {
	switch cmd.kind {
	case mcWrite:
		for i := range cmd.n {
			at := &m.blocks[cmd.lun][cmd.lba+i]
			*at = slices.DeleteFunc(*at, func(o *mcCmd) bool { return o.over != 0 && o.over < cmd.issued })
		}
	case mcRead:
		m.read(w, cmd)
	}
}

// read checks the data of a read.
func (m *mcModel) read(w *mcWorld, cmd *mcCmd) {
	if len(cmd.got) != cmd.n*mcBlockLen {
		w.Fatalf("%v: %d bytes came", cmd, len(cmd.got))
	}
	want := make([]byte, mcBlockLen)
	for i := range cmd.n {
		got := cmd.got[i*mcBlockLen : (i+1)*mcBlockLen]
		id := binary.BigEndian.Uint32(got)
		mcFill(want, id, cmd.lun, cmd.lba+i)
		if string(got) != string(want) {
			w.Fatalf("%v: block %d is of no write: %x", cmd, i, got[:32])
		}
		ok := slices.ContainsFunc(cmd.legit[i], func(o *mcCmd) bool { return o.id == id })
		if o := w.cmds[id]; o != nil && o.issued > cmd.issued && o.kind == mcWrite {
			ok = true // issued while the read was under way
		}
		if !ok {
			w.Fatalf("%v: block %d holds what write %d wrote, which others have replaced: %v", cmd, i, id, cmd.legit[i])
		}
	}
}
