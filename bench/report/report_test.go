package report

import (
	"bytes"
	"testing"

	"github.com/ringtgt/ringtgt/bench/result"
	"github.com/ringtgt/ringtgt/bench/result/resulttest"
)

// The result that a page was made from is read back from it, whole.
func TestRead(t *testing.T) {
	for name, d := range map[string]result.Document{
		"run":        {Run: resulttest.Run(resulttest.Shape{Sessions: 2, Conns: 2, CPUs: 2, Mixed: true})},
		"comparison": {Comparison: resulttest.Comparison(resulttest.Shape{Intervals: 2})},
		"sweep":      {Sweep: resulttest.Sweep(resulttest.Shape{Intervals: 2})},
	} {
		t.Run(name, func(t *testing.T) {
			var page bytes.Buffer
			if err := Write(&page, Page{Run: d.Run, Comparison: d.Comparison, Sweep: d.Sweep}); err != nil {
				t.Fatal(err)
			}
			got, err := Read(&page)
			if err != nil {
				t.Fatal(err)
			}
			var a, b bytes.Buffer
			if err := result.Encode(&a, d); err != nil {
				t.Fatal(err)
			}
			if err := result.Encode(&b, got); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(a.Bytes(), b.Bytes()) {
				t.Error("it differs")
			}
		})
	}
}
