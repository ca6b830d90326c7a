package lun_test

import (
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/lun"
)

// bareLoop is a loop that does nothing but count.
type bareLoop struct {
	lun.Queue
	ended int
}

func (l *bareLoop) Index() int             { return 0 }
func (l *bareLoop) Now() int64             { return 0 }
func (l *bareLoop) Post(lun.Event)         { panic("the data path posts") }
func (l *bareLoop) Go(lun.Work)            { panic("the data path calls a helper") }
func (l *bareLoop) After(int64, lun.Event) { panic("the data path waits") }
func (l *bareLoop) Alloc(int) []byte       { panic("the data path takes memory") }
func (l *bareLoop) Free([]byte)            { panic("the data path gives memory") }
func (l *bareLoop) TaskDone(t *lun.Task)   { l.ended++ }

// dataPath returns the commands of the data path on a unit, each ready to be sent again and again.
func dataPath(tb testing.TB, b lun.Backend) map[string]func() {
	tg := lun.NewTarget(lun.TargetConfig{Name: rigTarget, Loops: 4})
	must.Get(tg.AddUnit(0, lun.UnitConfig{Backend: b, ID: rigID}))(tb)
	n := tg.NewNexus(lun.NexusConfig{InitiatorName: "iqn.x:y", TPGT: 1, RelPort: 1})
	loop := &bareLoop{}
	task := &lun.Task{Owner: loop, Loop: loop}
	memory := make([]byte, 1<<20)
	send := func(cdb [16]byte) func() {
		return func() {
			before := loop.ended
			task.Reset()
			task.Nexus, task.CDB = n, cdb
			out, in := task.Plan(false)
			task.Attr = lun.AttrSimple
			task.Out, task.Buf = memory[:out], memory[:in]
			task.Start()
			must.Be(tb, loop.ended == before+1, "the command did not end")
		}
	}
	send(testUnitReady())() // takes the unit attention
	return map[string]func(){
		"READ(10)":         send(cdb10(0x28, 0, 8, 8)),
		"READ(16)":         send(cdb16(0x88, 0, 8, 512)),
		"WRITE(10)":        send(cdb10(0x2A, 0, 8, 8)),
		"WRITE(16) FUA":    send(cdb16(0x8A, 8, 8, 512)),
		"TEST UNIT READY":  send(testUnitReady()),
		"VERIFY(10)":       send(cdb10(0x2F, 0, 8, 0)),
		"LBA OUT OF RANGE": send(cdb10(0x28, 0, 1<<20, 8)),
	}
}

func TestDataPathAllocatesNothing(t *testing.T) {
	for kind, b := range map[string]lun.Backend{"memory": mappedSlab{newSlab(4096)}, "requests": newSlab(4096)} {
		for name, send := range dataPath(t, b) {
			check.Equal(t, testing.AllocsPerRun(100, send), 0, "%s on %s: allocations a command", name, kind)
		}
	}
}

// BenchmarkCommand is what the device server itself costs: the memory is not touched by a mapped READ.
func BenchmarkCommand(b *testing.B) {
	for _, name := range []string{"TEST UNIT READY", "READ(10)", "WRITE(10)"} {
		for kind, s := range map[string]lun.Backend{"memory": mappedSlab{newSlab(4096)}, "requests": newSlab(4096)} {
			b.Run(name+"/"+kind, func(b *testing.B) {
				send := dataPath(b, s)[name]
				b.ReportAllocs()
				for b.Loop() {
					send()
				}
			})
		}
	}
}
