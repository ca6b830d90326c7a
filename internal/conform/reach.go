package conform

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/ringtgt/ringtgt/internal/rawclient"
	"github.com/ringtgt/ringtgt/pdu"
)

// reach finds the target and what it grants.
func (r *Run) reach(ctx context.Context) error {
	g := r.Target
	plain := *r
	plain.Variant = Variant{}
	defer func() { r.isids = plain.isids }()
	if g.Name == "" {
		if _, end := plain.call(ctx, r.Timeout, discover); end.verdict != Pass {
			return &UnreachableError{fmt.Sprintf("%s: discovery: %s", g.Portal, end)}
		}
	}
	if _, end := plain.call(ctx, r.Timeout, func(t *T) { t.LogIn() }); end.verdict != Pass {
		return &UnreachableError{fmt.Sprintf("%s: %s: %s", g.Portal, g.Name, end)}
	}
	g.Grants = Grants{Params: defaults()}
	plain.call(ctx, r.Timeout, func(t *T) {
		t.Target = &Target{Portal: g.Portal, Name: g.Name, Initiator: g.Initiator}
		t.LogIn()
		g.Grants.Open = true
	})
	plain.call(ctx, r.Timeout, probe)
	if _, end := plain.call(ctx, r.Timeout, geometry); end.verdict != Pass {
		g.Grants.NoUnit = end.String()
	}
	return nil
}

func (e *ending) String() string {
	if e.due == "" {
		return e.came
	}
	return fmt.Sprintf("due: %s; came: %s", e.due, e.came)
}

// discover finds the name of the only target.
func discover(t *T) {
	c := t.LogIn("SessionType", "Discovery", "TargetName", "")
	h := c.New(pdu.OpTextRequest, false)
	c.Send(h, rawclient.Text("SendTargets", "All"))
	p := c.Expect(pdu.OpTextResponse, "a Text Response with the targets")
	keys, err := p.Keys()
	if err != nil {
		t.broken("the list of targets: %v", err)
	}
	var names []string
	for _, kv := range keys {
		if kv.Key == "TargetName" {
			names = append(names, kv.Value)
		}
	}
	if len(names) != 1 {
		t.broken("%d targets (%s): name one in the URL", len(names), strings.Join(names, " "))
	}
	t.Target.Name = names[0]
}

// probe offers all that cases may need.
func probe(t *T) {
	c := t.LogIn("HeaderDigest", "CRC32C,None", "DataDigest", "CRC32C,None", "MaxConnections", "8", "ErrorRecoveryLevel", "2",
		"TaskReporting", "FastAbort,ResponseFence,RFC3720", "iSCSIProtocolLevel", "2")
	g := &t.Target.Grants
	g.Params = c.Session.Params
	g.HeaderDigest, g.DataDigest = c.Digests.Header, c.Digests.Data
}

// geometry asks the unit for its size.
func geometry(t *T) {
	r := t.Ready().Do(ReadCapacity(), 8)
	if !r.Good() || len(r.Data) < 8 {
		t.broken("READ CAPACITY: %v with %d bytes", r, len(r.Data))
	}
	g := &t.Target.Grants
	g.Blocks = int64(binary.BigEndian.Uint32(r.Data)) + 1
	g.BlockSize = int(binary.BigEndian.Uint32(r.Data[4:]))
	g.Unit = g.BlockSize > 0
}
