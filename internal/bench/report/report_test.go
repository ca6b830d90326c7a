package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"testing"

	"github.com/ringtgt/ringtgt/internal/bench/result"
	"github.com/ringtgt/ringtgt/internal/bench/result/resulttest"
)

// dataStart begins the JSON in a page.
const dataStart = `<script type="application/json" id="result">`

// embedded returns the JSON in a page.
func embedded(t *testing.T, page []byte) []byte {
	t.Helper()
	_, rest, ok := bytes.Cut(page, []byte(dataStart))
	data, _, end := bytes.Cut(rest, []byte("</script>"))
	if !ok || !end || !json.Valid(data) {
		t.Error("no JSON in the page")
	}
	return data
}

// A page has the result that it was made from, whole.
func TestEmbedded(t *testing.T) {
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
			want, err := json.Marshal(d)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(embedded(t, page.Bytes()), want) {
				t.Error("it differs")
			}
		})
	}
}

// A page is of one thing, and errors are told.
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
}

type full struct{}

var errFull = errors.New("no space left")

func (full) Write([]byte) (int, error) { return 0, errFull }
