package session_test

import (
	"bytes"
	"fmt"
	"net/netip"
	"time"

	"github.com/ringtgt/ringtgt/pdu"
	"github.com/ringtgt/ringtgt/session"
)

// host stands where an event loop would. A discovery session has no tasks and no nexus, so none of its methods is called here.
type host struct{ session.Host }

// A connection takes the bytes of a login request, and yields the response as an event. There is no socket: the package does
// no I/O, and the clock is an argument.
func Example() {
	node := session.NewNode(session.NodeConfig{})
	node.SetTargets([]*session.Target{{Name: "iqn.2026-11.com.example:disk"}})
	now := int64(time.Second)
	conn := session.NewConn(session.ConnConfig{
		Node: node, Host: host{}, Now: now, Rand: func(b []byte) { clear(b) },
		Local:  netip.MustParseAddrPort("192.0.2.1:3260"),
		Remote: netip.MustParseAddrPort("192.0.2.7:50000"),
	})

	text := pdu.AppendText(nil, "InitiatorName", "iqn.2026-11.com.example:host")
	text = pdu.AppendText(text, "SessionType", "Discovery")
	text = pdu.AppendText(text, "HeaderDigest", "CRC32C,None")
	var request pdu.BHS
	request.Init(pdu.OpLoginRequest)
	login := (*pdu.LoginRequest)(&request)
	login.SetTransit(true)
	login.SetCSG(pdu.StageLoginOperationalNegotiation)
	login.SetNSG(pdu.StageFullFeaturePhase)
	login.SetISID([6]byte{0x80, 0, 0, 0, 0, 1})
	login.BHS().SetDataLen(len(text))
	stream := append(append(request[:], text...), make([]byte, pdu.Pad(len(text)))...)

	f := conn.Framer()
	for len(stream) > 0 {
		n, state, err := f.Feed(stream)
		stream = stream[n:]
		switch {
		case err != nil:
			conn.HeaderError(now, err)
		case state == pdu.HeaderReady && f.Header().DataLen() > 0:
			f.Payload(conn.Header(now))
		case state == pdu.HeaderReady:
			conn.Header(now)
			conn.Payload(now, true)
		case state == pdu.PDUReady:
			conn.Payload(now, f.DataDigestOK())
		}
	}

	var ev session.Event
	for conn.Next(now, true, &ev) {
		if ev.Kind != session.Send {
			continue
		}
		response := (*pdu.LoginResponse)(&ev.Header)
		fmt.Printf("%v: status %v, next stage %v\n", ev.Header.Opcode(), response.Status(), response.NSG())
		fmt.Printf("%s\n", bytes.ReplaceAll(bytes.TrimRight(ev.Data, "\x00"), []byte{0}, []byte{'\n'}))
	}
	// Output:
	// Login Response: status 0, next stage 3
	// HeaderDigest=CRC32C
	// MaxRecvDataSegmentLength=262144
}
