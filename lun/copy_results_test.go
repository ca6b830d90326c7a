package lun_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
	"github.com/ringtgt/ringtgt/lun"
	"github.com/ringtgt/ringtgt/lun/luntest"
)

// TestCopyResults: what is known of finished copies (SPC-4 6.24 to 6.27), per nexus and unit, up to a bound.
func TestCopyResults(t *testing.T) {
	r := newCopyRig(t, luntest.Config{}, nil, nil)
	cscds := [][]byte{r.naa(0), r.naa(1)}
	segments := [][]byte{blocksSegment(0, 1, 8, 0, 0), blocksSegment(0, 1, 2, 0, 0)}
	for _, action := range []byte{0, 1, 4} {
		r.want(r.do(resultsCDB(action, 5, 200)), invalidField, "there was no such copy")
	}
	r.want(r.xcopy(copyList(5, 0, cscds, segments)), "GOOD", "")
	if s := r.do(resultsCDB(0, 5, 200)).in; !bytes.Equal(s, []byte{0, 0, 0, 8, 0x81, 0, 2, 0, 0, 0, 0x14, 0}) {
		t.Errorf("copy status % x", s)
	}
	if s := r.do(resultsCDB(0, 5, 5)).in; len(s) != 5 {
		t.Errorf("an allocation length of 5 gave %d bytes", len(s))
	}
	for _, action := range []byte{1, 4} {
		if s := r.do(resultsCDB(action, 5, 200)).in; !bytes.Equal(s, make([]byte, 4)) {
			t.Errorf("service action %d: % x, want no data available", action, s)
		}
	}
	r.want(r.on(r.b, resultsCDB(0, 5, 200)), invalidField, "copies belong to their nexus")
	r.want(r.start(0, r.a, 1<<48, lun.AttrSimple, resultsCDB(0, 5, 200), nil).wait(), invalidField, "copies belong to their unit")
	r.want(r.do(resultsCDB(2, 5, 200)), invalidField, "there is no such service action")
	r.want(r.xcopy(copyList(0, 3, cscds, segments)), "GOOD", "")
	r.want(r.do(resultsCDB(0, 0, 200)), invalidField, "LIST ID USAGE 11b leaves nothing to ask about")
	// A name is used again once its copy ended, and tells of the later one.
	r.want(r.xcopy(copyList(5, 2, cscds, segments[:1])), "GOOD", "")
	if s := r.do(resultsCDB(0, 5, 200)).in; s[6] != 1 {
		t.Errorf("copy status % x, want that of the later copy", s)
	}
	for id := range 256 {
		r.want(r.xcopy(copyList(byte(id), 0, nil, nil)), "GOOD", "")
	}
	known := 0
	for id := range 256 {
		if r.do(resultsCDB(0, byte(id), 200)).status == lun.StatusGood {
			known++
		}
	}
	if known != 64 || r.do(resultsCDB(0, 255, 200)).status != lun.StatusGood {
		t.Errorf("%d finished copies are known, want the last 64", known)
	}
}

// TestCopyParameters: what the copy manager says of itself holds, and is the same in VPD page 8Fh (SPC-4 6.26, 7.8.17).
func TestCopyParameters(t *testing.T) {
	r := newCopyRig(t, luntest.Config{}, nil, nil)
	p := r.do(resultsCDB(3, 77, 1024)).in
	if len(p) != 47 || binary.BigEndian.Uint32(p) != uint32(len(p)-4) || p[4] != 1 || !bytes.Equal(p[43:], []byte{3, 0x02, 0x0A, 0xE4}) {
		t.Fatalf("operating parameters % x", p)
	}
	targets, segments := binary.BigEndian.Uint16(p[8:]), binary.BigEndian.Uint16(p[10:])
	longest := binary.BigEndian.Uint32(p[12:])
	if n := max((uint32(targets)+1)*32+28, 32+(uint32(segments)+1)*28); n > longest {
		t.Errorf("MAXIMUM DESCRIPTOR LIST LENGTH %d hides TOO MANY DESCRIPTORS, which needs %d", longest, n)
	}
	page := r.do([16]byte{0x12, 1, 0x8F, 4, 0}).in
	must.Be(t, page[1] == 0x8F && int(binary.BigEndian.Uint16(page[2:])) == len(page)-4, "page 8Fh % x", page)
	found := map[uint16][]byte{}
	last := -1
	for at := 4; at < len(page); {
		kind, n := binary.BigEndian.Uint16(page[at:]), int(binary.BigEndian.Uint16(page[at+2:]))
		must.Be(t, n%4 == 0 && at+4+n <= len(page) && int(kind) > last, "descriptor %#x of %d bytes at %d", kind, n, at)
		last = int(kind)
		found[kind] = page[at+4 : at+4+n]
		at += 4 + n
	}
	if d := found[0x0001]; !bytes.Equal(d[:1+int(d[0])], []byte{9, 0x83, 1, 0, 0x84, 4, 0, 1, 3, 4}) {
		t.Errorf("supported commands % x", d)
	}
	if d := found[0x0004]; len(d) != 28 || !bytes.Equal(d[4:12], p[8:16]) {
		t.Errorf("parameter data % x", d)
	}
	if d := found[0x0008]; !bytes.Equal(d, []byte{3, 0x02, 0x0A, 0xE4}) {
		t.Errorf("supported descriptors % x", d)
	}
	if _, ok := found[0x000C]; !ok {
		t.Error("the mandatory descriptor of CSCD descriptor IDs is missing")
	}
	if d := found[0x8001]; len(d) != 32 || !bytes.Equal(d[8:12], p[16:20]) || d[12] != p[37] {
		t.Errorf("general copy operations % x", d)
	}
}

// FuzzCopy: no parameter list does harm, and each ends the command once.
func FuzzCopy(f *testing.F) {
	f.Add([]byte{})
	f.Add(copyList(1, 0, [][]byte{make([]byte, 32)}, [][]byte{blocksSegment(0, 0, 8, 0, 100)}))
	f.Add(copyList(0, 3, [][]byte{make([]byte, 32)}, [][]byte{bytesSegment(0, 0, 65536, 0, 100, 0, 0)}))
	f.Fuzz(func(t *testing.T, list []byte) {
		r := newCopyRig(t, luntest.Config{}, nil, []option{with4K})
		// Descriptors that say E4h name real units, or hardly any list would get far.
		names := [][]byte{r.naa(0), r.naa(1)}
		for at := 16; at+32 <= len(list) && list[at] == 0xE4; at += 32 {
			copy(list[at+4:at+28], names[int(list[at+4])%2][4:28])
		}
		c := r.start(0, r.a, 0, lun.AttrSimple, copyCDB(len(list)), list)
		r.w.Run()
		must.Be(t, c.ended == 1, "it ended %d times", c.ended)
		check.That(t, r.w.Loop(0).Outstanding() == 0, "a buffer was not given back")
		r.want(r.start(0, r.a, 0, lun.AttrOrdered, testUnitReady(), nil).wait(), "GOOD", "no gate is held")
	})
}
