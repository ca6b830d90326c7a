package lun_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/luntest"
)

// resizable is a disk whose capacity a test changes.
type resizable struct {
	*prDisk
	blocks atomic.Uint64
}

func newResizable() *resizable {
	d := &resizable{prDisk: newPRDisk()}
	d.blocks.Store(64)
	return d
}

func (d *resizable) Geometry() lun.Geometry {
	return lun.Geometry{Blocks: d.blocks.Load(), BlockSize: 512}
}

// attentionWorld is a target with several units and what should be pending on each, for each nexus.
type attentionWorld struct {
	*prRig
	disks   map[int]*resizable
	units   map[int]*lun.Unit
	resv    map[int]*prOracle // reservations of each unit
	pending map[string]map[int]map[lun.ASC]bool
	ejected map[int]bool
	seen    map[string]bool // initiator ports that logged in before
	log     []string
}

func newAttentionWorld(t *testing.T, seed uint64) *attentionWorld {
	w := &attentionWorld{prRig: newPRRigWith(t, &prStore{}, luntest.Config{Seed: seed}), disks: map[int]*resizable{}, units: map[int]*lun.Unit{},
		resv: map[int]*prOracle{}, pending: map[string]map[int]map[lun.ASC]bool{}, ejected: map[int]bool{}, seen: map[string]bool{}}
	w.tg.RemoveUnit(0)
	for i := range 3 {
		w.add(i)
	}
	return w
}

func (w *attentionWorld) add(i int) {
	w.t.Helper()
	w.disks[i] = newResizable()
	u := must.Get(w.tg.AddUnit(i, lun.UnitConfig{Backend: w.disks[i], ID: fmt.Sprint("unit", i), Removable: true}))(w.t)
	w.tellAll(0x3F0E)
	w.units[i] = u
	w.resv[i] = &prOracle{keys: map[string]uint64{}, told: map[string]map[lun.ASC]bool{}, open: map[string]bool{}}
	for name, luns := range w.pending {
		luns[i] = map[lun.ASC]bool{0x2900: true}
		w.opened(name, i)
	}
}

// opened lets unit i's oracle tell the nexus through w.pending.
func (w *attentionWorld) opened(name string, i int) {
	w.resv[i].open[name] = true
	w.resv[i].told[name] = w.pending[name][i]
}

func (w *attentionWorld) remove(i int) {
	w.tg.RemoveUnit(i)
	delete(w.units, i)
	delete(w.ejected, i)
	for _, luns := range w.pending {
		delete(luns, i)
	}
	w.tellAll(0x3F0E)
}

// tell makes asc pending on unit i for every nexus but except.
func (w *attentionWorld) tell(i int, asc lun.ASC, except string) {
	for name, luns := range w.pending {
		if name != except {
			luns[i][asc] = true
		}
	}
}

func (w *attentionWorld) tellAll(asc lun.ASC) {
	for i := range w.units {
		w.tell(i, asc, "")
	}
}

// enter is login with what it makes pending.
func (w *attentionWorld) enter(name string) *lun.Nexus {
	if n := w.nexuses[name]; n != nil {
		return n
	}
	var host, isid int
	var tpgt uint16
	fmt.Sscanf(name, "%d/%d/%d", &host, &isid, &tpgt)
	n := w.tg.NewNexus(lun.NexusConfig{InitiatorName: prNode(host), ISID: [6]byte{0, 2, 0x3D, 0, 0, byte(isid)}, TPGT: tpgt, RelPort: tpgt})
	w.nexuses[name] = n
	asc := lun.ASC(0x2900)
	if port := name[:3]; w.seen[port] {
		asc = 0x2907
	} else {
		w.seen[port] = true
	}
	w.pending[name] = map[int]map[lun.ASC]bool{}
	for i := range w.units {
		w.pending[name][i] = map[lun.ASC]bool{asc: true}
		w.opened(name, i)
	}
	return n
}

func (w *attentionWorld) fail(format string, args ...any) {
	w.t.Helper()
	for _, l := range w.log[max(0, len(w.log)-12):] {
		w.t.Log(l)
	}
	w.t.Fatalf(format, args...)
}

// drain takes what is pending for the nexus on unit i and compares it.
func (w *attentionWorld) drain(name string, i int) {
	w.t.Helper()
	w.lun = i
	got := w.attentions(w.nexuses[name])
	w.log = append(w.log, fmt.Sprintf("%s drains LUN %d: %04X", name, i, got))
	for j, asc := range got { // SAM-5 5.14.1: what 29h says comes before all else
		if j > 0 && asc>>8 == 0x29 && got[j-1]>>8 != 0x29 {
			w.fail("29h after another: %04X", got)
		}
	}
	slices.Sort(got)
	if want := slices.Sorted(maps.Keys(w.pending[name][i])); !slices.Equal(got, want) {
		w.fail("unit attentions of %s on LUN %d: %04X, want %04X", name, i, got, want)
	}
	clear(w.pending[name][i])
}

// TestAttentionsOfAWholeTarget lets everything happen that establishes a unit attention, on four units and for six
// nexuses that come and go: each condition is pending for exactly those it concerns, on that unit and no other, until
// it is reported, once.
func TestAttentionsOfAWholeTarget(t *testing.T) {
	steps := 1500
	if testing.Short() {
		steps = 300
	}
	luntest.Seeds(t, 8, func(t *testing.T, seed uint64) {
		w := newAttentionWorld(t, seed)
		rng := rand.New(rand.NewPCG(seed, 2))
		names := []string{"1/1/1", "1/1/2", "1/2/1", "2/1/1", "2/1/2", "3/1/1"}
		for range steps {
			name := names[rng.IntN(len(names))]
			n := w.enter(name)
			luns := slices.Sorted(maps.Keys(w.units))
			i := luns[rng.IntN(len(luns))]
			u := w.units[i]
			w.lun = i
			switch op := rng.IntN(16); op {
			case 0:
				w.log = append(w.log, fmt.Sprintf("resize LUN %d", i))
				w.disks[i].blocks.Store(64 - w.disks[i].blocks.Load()%64 - 1) // another size each time
				u.Refresh()
				w.tell(i, 0x2A09, "")
			case 1:
				if w.units[3] == nil {
					w.log = append(w.log, "add LUN 3")
					w.add(3)
				} else {
					w.log = append(w.log, "remove LUN 3")
					w.remove(3)
				}
			case 2:
				w.log = append(w.log, fmt.Sprintf("%s resets LUN %d", name, i))
				u.Reset(n)
				w.tell(i, 0x2903, "")
			case 3:
				w.log = append(w.log, "target warm reset")
				w.tg.Reset(lun.ResetWarm, nil)
				w.tellAll(0x2902)
			case 4:
				w.log = append(w.log, fmt.Sprintf("%s clears the task set of LUN %d", name, i))
				victim := names[rng.IntN(len(names))]
				u.ClearTaskSet(n, func(m *lun.Nexus) bool { return m == w.nexuses[victim] })
				if victim != name && w.nexuses[victim] != nil {
					w.pending[victim][i][0x2F00] = true
				}
			case 5:
				w.log = append(w.log, name+": nexus lost")
				n.Close()
				delete(w.nexuses, name)
				delete(w.pending, name)
				for _, o := range w.resv {
					delete(o.open, name)
				}
			case 6:
				w.drain(name, i)
				start := byte(2) // LOEJ: eject
				if w.ejected[i] {
					start = 3 // load
					w.tell(i, 0x2800, name)
				}
				w.log = append(w.log, fmt.Sprintf("%s: START STOP UNIT %d of LUN %d", name, start, i))
				if p := w.do(n, []byte{0x1B, 0, 0, 0, start, 0}); p.status != lun.StatusGood {
					if want := w.resv[i].access(name, true); p.String() != want {
						w.fail("%v, want %s", p, want)
					}
					if w.ejected[i] {
						w.fail("the test counts on loading")
					}
					continue
				}
				w.ejected[i] = !w.ejected[i]
			case 7:
				w.log = append(w.log, name+": REPORT LUNS")
				w.good("REPORT LUNS", w.do(n, []byte{0xA0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0}))
				for j := range w.units {
					delete(w.pending[name][j], 0x3F0E)
				}
			case 8:
				w.good("INQUIRY", w.do(n, []byte{0x12, 0, 0, 0, 36, 0}))
			case 9:
				p := w.do(n, []byte{0x03, 0, 0, 0, 18, 0})
				w.good("REQUEST SENSE", p)
				asc := lun.ASC(p.in[12])<<8 | lun.ASC(p.in[13])
				w.log = append(w.log, fmt.Sprintf("%s: REQUEST SENSE on LUN %d: %X/%04X", name, i, p.in[2], asc))
				if has := len(w.pending[name][i]) > 0; has != (p.in[2] == 6) || has && !w.pending[name][i][asc] {
					w.fail("REQUEST SENSE: %X/%04X, pending %04X", p.in[2], asc, slices.Collect(maps.Keys(w.pending[name][i])))
				}
				delete(w.pending[name][i], asc)
			case 10, 11, 12, 13:
				w.drain(name, i)
				o := w.resv[i]
				sa, typ := []byte{saIgnore, saReserve, saRelease, saClear, saPreempt, saIgnore, saReserve, saPreemptAbort}[rng.IntN(8)], typesInOrder()[rng.IntN(6)]
				if o.typ >= typeWEAR {
					sa = saRelease // so that loading a medium is allowed again soon
					typ = o.typ
				}
				key, saKey := o.keys[name], []uint64{k1, k2, k3}[rng.IntN(3)]
				want := o.prout(name, sa, typ, key, saKey, 0, "")
				got := w.prout(n, sa, typ, key, saKey, 0)
				w.log = append(w.log, fmt.Sprintf("%s: PROUT %d type %d key %#x sakey %#x on LUN %d: %v", name, sa, typ, key, saKey, i, got))
				w.want("PERSISTENT RESERVE OUT", got, want)
			default:
				w.drain(name, i)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(w.nexuses)) {
			for _, i := range slices.Sorted(maps.Keys(w.units)) {
				w.drain(name, i)
			}
		}
	})
}

// TestAttentionOnceUnderLoad: every nexus sends from two loops at once while the unit is resized, over and over. Each
// resize is reported to each nexus once, by whichever command comes first, and by none after.
func TestAttentionOnceUnderLoad(t *testing.T) {
	const nexuses, resizes = 3, 60
	live := luntest.NewLive(t, 2*nexuses)
	tg := lun.NewTarget(lun.TargetConfig{Name: "iqn.2026-11.io.example:target", Loops: 2 * nexuses, Ports: []lun.Port{{TPGT: 1, RelPort: 1}}})
	d := newResizable()
	u := must.Get(tg.AddUnit(0, lun.UnitConfig{Backend: d, ID: prNAA}))(t)
	tur := func(loop int, n *lun.Nexus) prResult {
		ended := make(luntest.Ended, 1)
		task := &lun.Task{Nexus: n, Loop: live.Loop(loop), Owner: ended}
		live.Loop(loop).Post(luntest.Func(task.Start))
		<-ended
		return resultOf(task)
	}
	var all [nexuses]*lun.Nexus
	for i := range all {
		all[i] = tg.NewNexus(lun.NexusConfig{InitiatorName: prNode(i), TPGT: 1, RelPort: 1})
		tur(i, all[i])
	}
	for k := range resizes {
		var told [nexuses]atomic.Int32
		var done sync.WaitGroup
		for loop := range 2 * nexuses {
			i := loop % nexuses
			done.Go(func() {
				for extra := 0; extra < 3; { // some more commands after the report: none of them repeats it
					switch p := tur(loop, all[i]); {
					case p.asc == 0x2A09:
						told[i].Add(1)
					case p.status != lun.StatusGood:
						t.Errorf("%v", p)
						return
					}
					if told[i].Load() > 0 {
						extra++
					}
				}
			})
		}
		d.blocks.Store(uint64(1000 + k))
		u.Refresh()
		done.Wait()
		for i := range told {
			if n := told[i].Load(); n != 1 {
				t.Fatalf("resize %d was reported %d times to nexus %d", k, n, i)
			}
		}
	}
}
