package initiator

import (
	"encoding/binary"
	"testing"

	"github.com/ringtgt/ringtgt/bench/initiator/proto"
	"github.com/ringtgt/ringtgt/pdu"
)

// BenchmarkCommand is what a read costs without the kernel: made, encoded, its answer of 512 bytes taken and counted.
func BenchmarkCommand(b *testing.B) {
	w := &Workload{ReadPercent: 100, BlockSize: 512, Depth: 32, Duration: 1, Capacity: 1 << 20, BlockLen: 512}
	w.defaults()
	numbers := new(proto.Numbers)
	numbers.Init(1)
	numbers.Update(1, 128)
	c := &loopConn{numbers: numbers, session: new(Session)}
	params := proto.Params{MaxConnections: 1, MaxBurstLength: 1 << 20}
	params.Conn.MaxRecvDataSegmentLength = 1 << 18
	c.p = proto.NewConn(proto.Config{Numbers: numbers, Params: params, Handler: c})
	l := &loop{run: new(run), w: w, issuing: true, endAt: never, left: 1}
	c.prepare(l, 1)
	c.shared = make([]byte, 512)
	c.over = make([]*Command, 0, 40)
	c.start()
	sink := proto.NewSink(make([]byte, loopSendBuffer), loopSendPieces, loopCopyMax)
	const size = pdu.BHSLen + 512
	answers := make([]byte, 32*size)
	statSN, exp := uint32(1), uint32(1)
	b.ReportAllocs()
	b.ResetTimer()
	for done := 0; done < b.N; {
		l.todo, c.marked = l.todo[:0], false
		c.p.Fill(sink)
		out := sink.Pieces()[0]
		n := 0
		for ; len(out) > 0; out = out[pdu.BHSLen:] {
			h := (*pdu.BHS)(answers[n*size:])
			h.Init(pdu.OpDataIn)
			h.SetDataLen(512)
			d := (*pdu.DataIn)(h)
			d.SetFinal(true)
			d.SetStatusPresent(true)
			d.SetITT(binary.BigEndian.Uint32(out[16:]))
			h.SetStatSN(statSN)
			exp++
			statSN++
			h.SetExpMaxCmdSN(exp, exp+127)
			n++
		}
		sink.Reset()
		l.now += 100_000
		if err := c.p.Feed(answers[:n*size]); err != nil {
			b.Fatal(err)
		}
		c.settle()
		done += n
	}
	if v := c.session.Violations(); len(v) > 0 {
		b.Fatal(v[0])
	}
}
