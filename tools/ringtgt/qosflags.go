package main

import (
	"time"

	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
)

// qosFlags bound traffic; what is not given stays.
type qosFlags struct {
	ReadIOPS   *int64         `name:"read-iops" help:"Reads a second; 0: no bound." placeholder:"N"`
	WriteIOPS  *int64         `name:"write-iops" help:"Writes a second; 0: no bound." placeholder:"N"`
	ReadBytes  *sizeFlag      `name:"read-bytes" help:"Bytes read a second, such as 100M; 0: no bound." placeholder:"SIZE"`
	WriteBytes *sizeFlag      `name:"write-bytes" help:"Bytes written a second; 0: no bound." placeholder:"SIZE"`
	Burst      *time.Duration `help:"How much unused rate is saved up, such as 500ms." placeholder:"TIME"`
}

func (f *qosFlags) given() bool {
	return f.ReadIOPS != nil || f.WriteIOPS != nil || f.ReadBytes != nil || f.WriteBytes != nil || f.Burst != nil
}

// over returns q with the bounds that were given.
func (f *qosFlags) over(q config.QoS) config.QoS {
	set(&q.ReadIOPS, f.ReadIOPS)
	set(&q.WriteIOPS, f.WriteIOPS)
	set(&q.ReadBytes, (*int64)(f.ReadBytes))
	set(&q.WriteBytes, (*int64)(f.WriteBytes))
	set(&q.Burst, f.Burst)
	return q
}

// set sets to unless nothing was given.
func set[T any](to *T, v *T) {
	if v != nil {
		*to = *v
	}
}
