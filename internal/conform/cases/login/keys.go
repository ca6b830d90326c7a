package login

import (
	"fmt"

	"github.com/ringtgt/ringtgt/internal/conform"
	"github.com/ringtgt/ringtgt/internal/rawclient"
	"github.com/ringtgt/ringtgt/pdu"
)

// keys are the cases of keys with rules of their own.
func keys() (all []conform.Case) {
	var levels, segments []row
	for _, v := range []string{"0", "1", "2", "31", "0x2"} {
		levels = append(levels, row{"iSCSIProtocolLevel=" + v, func(t *conform.T) {
			_, a := t.Negotiate("iSCSIProtocolLevel", v)
			good(t, a)
			got := a.Value("iSCSIProtocolLevel")
			if got == "NotUnderstood" {
				t.Skip("the target does not know RFC 7144")
			}
			most, _ := pdu.ParseNumber(v, 0, 31)
			_, err := pdu.ParseNumber(got, 0, most)
			t.Want(err == nil, fmt.Sprintf("iSCSIProtocolLevel of at most %d", most), "iSCSIProtocolLevel=%s", got)
		}})
	}
	for _, v := range []string{"512", "8192", "0x200", "16777215", "0xffffff"} {
		segments = append(segments, row{"MaxRecvDataSegmentLength=" + v, func(t *conform.T) {
			_, a := t.Negotiate("MaxRecvDataSegmentLength", v)
			good(t, a)
			t.Want(a.Value("MaxRecvDataSegmentLength") != "NotUnderstood" && a.Value("MaxRecvDataSegmentLength") != "Reject", "the declaration taken", "MaxRecvDataSegmentLength=%s", a.Value("MaxRecvDataSegmentLength"))
			if a.Has("MaxRecvDataSegmentLength") {
				_, err := pdu.ParseNumber(a.Value("MaxRecvDataSegmentLength"), 512, 1<<24-1)
				t.Want(err == nil, "the target's own from 512 to 16777215", "MaxRecvDataSegmentLength=%s", a.Value("MaxRecvDataSegmentLength"))
			}
		}})
	}
	all = table(conform.Case{ID: "rfc7144/7.1.1/0", Groups: []conform.Group{conform.Login, conform.Protocol2},
		Rule: "iSCSIProtocolLevel is answered with a level that is not above the one offered."}, levels)
	all = append(all, table(conform.Case{ID: "rfc7143/13.12/0login", Groups: loginGroup,
		Rule: "MaxRecvDataSegmentLength from 512 to 16777215 is a declaration; the target's own is in the same range."}, segments)...)
	return append(all, group()...)
}

func group() []conform.Case {
	tag := func(t *conform.T, a *conform.Answer) {
		good(t, a)
		_, err := pdu.ParseNumber(a.Value("TargetPortalGroupTag"), 0, 65535)
		t.Want(err == nil, "TargetPortalGroupTag of 16 bits", "TargetPortalGroupTag=%s", a.Value("TargetPortalGroupTag"))
	}
	rule := "TargetPortalGroupTag comes with the first response that may carry it: to the first request without the C bit."
	return []conform.Case{
		{
			ID: "rfc7143/6.3.1/1", Title: "the first response in LoginOperationalNegotiation", Groups: loginGroup, Rule: rule, Needs: conform.Open,
			Also: []string{"rfc7143/11.13.8/1"},
			Run: func(t *conform.T) {
				c := t.Dial()
				tag(t, c.Exchange(c.Request(conform.Operational, conform.Operational), t.Who()...))
			},
		},
		{
			ID: "rfc7143/6.3.1/1a", Title: "the first response in SecurityNegotiation", Groups: loginGroup, Rule: rule,
			Run: func(t *conform.T) {
				c := t.Dial()
				tag(t, c.Exchange(c.Request(conform.Security, conform.Security), t.Who("AuthMethod", method(t))...))
			},
		},
		{
			ID: "rfc7143/6.3.1/1b", Title: "after a request with the C bit", Groups: loginGroup, Rule: rule, Needs: conform.Open,
			Run: func(t *conform.T) {
				c := t.Dial()
				text := rawclient.Text(t.Who()...)
				l := c.Request(conform.Operational, conform.Operational)
				l.Continue = true
				c.Send(l.Header(), text[:20])
				p := c.Expect(pdu.OpLoginResponse, "a Login Response without data")
				t.Want(p.DataLen() == 0, "a Login Response without data", "%q", p.Data)
				c.Send(c.Request(conform.Operational, conform.Operational).Header(), text[20:])
				tag(t, c.RecvLogin("a Login Response"))
			},
		},
		{
			ID: "rfc7143/13.9/0", Title: "TargetPortalGroupTag in later responses", Groups: loginGroup, Needs: conform.Open,
			Rule: "TargetPortalGroupTag is declared once in a login.",
			Run: func(t *conform.T) {
				c := t.Dial()
				tag(t, c.Exchange(c.Request(conform.Operational, conform.Operational), t.Who()...))
				a := c.Exchange(c.Request(conform.Operational, conform.FullFeature), "MaxConnections", "1")
				good(t, a)
				t.Want(!a.Has("TargetPortalGroupTag"), "no second TargetPortalGroupTag", "TargetPortalGroupTag=%s", a.Value("TargetPortalGroupTag"))
			},
		},
		{
			ID: "rfc7143/13.14/1", Title: "FirstBurstLength above MaxBurstLength", Groups: loginGroup, Also: []string{"rfc7143/6.2/17"},
			Rule: "The result of FirstBurstLength is not above that of MaxBurstLength.",
			Run: func(t *conform.T) {
				_, a := t.Negotiate("InitialR2T", "No", "ImmediateData", "Yes", "MaxBurstLength", "4096", "FirstBurstLength", "65536")
				if a.Status() != pdu.LoginSuccess {
					return
				}
				most, err := pdu.ParseNumber(a.Value("MaxBurstLength"), 512, 4096)
				t.Want(err == nil, "MaxBurstLength of at most 4096", "MaxBurstLength=%s", a.Value("MaxBurstLength"))
				_, err = pdu.ParseNumber(a.Value("FirstBurstLength"), 512, most)
				t.Want(err == nil || a.Value("FirstBurstLength") == "Reject", fmt.Sprintf("FirstBurstLength of at most %d", most), "FirstBurstLength=%s", a.Value("FirstBurstLength"))
			},
		},
		{
			ID: "rfc7143/13.26.2/1", Title: "X#NodeArchitecture in a login", Groups: loginGroup, Also: []string{"rfc7143/13.26.2/2"},
			Rule: "A node works the same with any X#NodeArchitecture: the login succeeds.",
			Run: func(t *conform.T) {
				_, a := t.Negotiate("X#NodeArchitecture", "ringtgt/1,conform")
				good(t, a)
			},
		},
		{
			ID: "rfc7143/13.26.1/1", Title: "the target's own X#NodeArchitecture", Groups: loginGroup, Also: []string{"rfc7143/13.26.1/2", "rfc7143/13.26.2/6"},
			Rule: "Its value has at most 255 bytes, it is declared once, and the target lives with an initiator that does not understand it.",
			Run: func(t *conform.T) {
				const key = "X#NodeArchitecture"
				c, first := t.Secure()
				a := c.Exchange(c.Request(conform.Operational, conform.Operational), first...)
				good(t, a)
				if !a.Has(key) {
					t.Skip("the target declares none")
				}
				t.Want(len(a.Value(key)) <= 255, "at most 255 bytes", "%d", len(a.Value(key)))
				a = c.Exchange(c.Request(conform.Operational, conform.FullFeature), key, "NotUnderstood")
				good(t, a)
				t.Want(!a.Has(key), "no second declaration", "%s=%s", key, a.Value(key))
			},
		},
		{
			ID: "rfc7143/13.7/0", Title: "InitiatorAlias with spaces, equals signs and UTF-8", Groups: loginGroup, Also: []string{"rfc7143/6.2/13"},
			Rule: "InitiatorAlias is any UTF-8 string without nulls, and the key is understood.",
			Run: func(t *conform.T) {
				_, a := t.Negotiate("InitiatorAlias", "Büro = 4. Stock, links")
				good(t, a)
				t.Want(a.Value("InitiatorAlias") != "NotUnderstood", "no answer to a declaration", "InitiatorAlias=%s", a.Value("InitiatorAlias"))
			},
		},
	}
}
