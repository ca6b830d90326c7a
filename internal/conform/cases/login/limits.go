package login

import (
	"github.com/ringtgt/ringtgt/internal/conform"
	"github.com/ringtgt/ringtgt/pdu"
)

// limits are the cases of numerical keys.
func limits() []conform.Case {
	return []conform.Case{
		{
			ID: "rfc7143/13.13/0", Title: "MaxBurstLength below what the target would choose",
			Rule:   "The result of MaxBurstLength is the lower of both values: a target never answers with more than was offered.",
			Groups: []conform.Group{conform.Login},
			Run: func(t *conform.T) {
				_, a := t.Negotiate("MaxBurstLength", "8192", "FirstBurstLength", "4096")
				t.Want(a.Status() == pdu.LoginSuccess, "a successful login", "status 0x%04x", uint16(a.Status()))
				n, err := pdu.ParseNumber(a.Value("MaxBurstLength"), 512, 8192)
				t.Want(err == nil, "MaxBurstLength from 512 to 8192", "MaxBurstLength=%s (%d, %v)", a.Value("MaxBurstLength"), n, err)
			},
		},
	}
}
