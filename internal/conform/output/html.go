package output

import (
	_ "embed"
	"html/template"
	"io"

	"github.com/ringtgt/ringtgt/internal/conform"
)

//go:embed page.html
var pageText string

// page is what the template sees.
type page struct {
	document
	Verdicts []conform.Verdict
	Bad      []entry // what did not pass and was not skipped
	Sections []section
}

// section has the cases of a section, in their order.
type section struct {
	ID, Title string
	Cases     []entry
}

// HTML writes the report as one page that needs nothing else.
func HTML(w io.Writer, r *conform.Report, version string) error {
	p := page{document: newDocument(r, version), Verdicts: conform.Verdicts}
	at := map[string]int{}
	for _, c := range p.Cases {
		if c.Verdict != conform.Pass && c.Verdict != conform.Skip {
			p.Bad = append(p.Bad, c)
		}
		n, ok := at[c.Section]
		if !ok {
			n = len(p.Sections)
			at[c.Section] = n
			p.Sections = append(p.Sections, section{ID: c.Section, Title: c.Heading})
		}
		p.Sections[n].Cases = append(p.Sections[n].Cases, c)
	}
	t, err := template.New("page").Parse(pageText)
	if err != nil {
		return err
	}
	return t.Execute(w, p)
}
