package fullfeature

import (
	"bytes"

	"github.com/ringtgt/ringtgt/internal/conform"
)

// data are the cases of data transfer.
func data() []conform.Case {
	return []conform.Case{
		{
			ID: "rfc7143/4.2.5.2/1", Title: "what was written is read",
			Rule:   "A write moves its data as immediate data and as R2Ts ask for it, and a read returns it in order.",
			Groups: []conform.Group{conform.FFP}, Needs: conform.Writes,
			Run: func(t *conform.T) {
				c := t.Ready()
				blocks := 128 << 10 / t.Target.Grants.BlockSize
				data := bytes.Repeat([]byte("ringtgt conform "), 8<<10)
				if r := c.DoWrite(conform.Write10(0, blocks), data); !r.Good() {
					t.Fail("GOOD status of a WRITE(10)", "%v", r)
				}
				r := c.Do(conform.Read10(0, blocks), len(data))
				t.Want(r.Good(), "GOOD status of a READ(10)", "%v", r)
				t.Want(bytes.Equal(r.Data, data), "the data that was written", "%d bytes that differ from it", len(r.Data))
			},
		},
	}
}
