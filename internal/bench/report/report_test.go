package report

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/bench/result"
	"github.com/ringtgt/ringtgt/internal/bench/result/resulttest"
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
			if err := Write(&page, d); err != nil {
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

// A page is of one thing; a page without a result, or with half of one, is refused; errors are told.
func TestErrors(t *testing.T) {
	run := resulttest.Run(resulttest.Shape{Intervals: 1})
	for name, p := range map[string]result.Document{"nothing": {}, "two things": {Run: run, Sweep: &result.Sweep{}}} {
		if err := Write(io.Discard, p); err == nil {
			t.Errorf("a page of %s", name)
		}
	}
	if err := Write(full{}, result.Document{Run: run}); !errors.Is(err, errFull) {
		t.Errorf("%v", err)
	}
	var b bytes.Buffer
	if err := Write(&b, result.Document{Run: run}); err != nil {
		t.Fatal(err)
	}
	i := strings.Index(b.String(), dataStart)
	for name, text := range map[string]string{
		"nothing": "", "another page": "<html></html>", "half a page": b.String()[:i+1000], "no JSON": dataStart + "x</script>", "another thing": dataStart + "{}</script>",
	} {
		if _, err := Read(strings.NewReader(text)); err == nil {
			t.Errorf("%s was read", name)
		}
	}
}

type full struct{}

var errFull = errors.New("no space left")

func (full) Write([]byte) (int, error) { return 0, errFull }
