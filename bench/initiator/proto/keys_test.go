package proto

import (
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
)

// A login offers every operational key that the initiator depends on (RFC 7143, 13): a leading connection all of them, another one
// those that are its own, a discovery session none about data and connections.
func TestOffer(t *testing.T) {
	const own = "HeaderDigest=%h DataDigest=%d MaxRecvDataSegmentLength=%m"
	const session = " DefaultTime2Wait=0 DefaultTime2Retain=20 ErrorRecoveryLevel=0"
	plain := strings.NewReplacer("%h", "None", "%d", "None", "%m", "262144").Replace(own)
	all := Keys{
		HeaderDigest: true, DataDigest: true, MaxConnections: 8, InitialR2T: Yes, ImmediateData: No, MaxRecvDataSegmentLength: 8192,
		MaxBurstLength: 65536, FirstBurstLength: 32768, DefaultTime2Wait: 3, DefaultTime2Retain: 40, MaxOutstandingR2T: 2,
		TaskReporting: "FastAbort,RFC3720",
	}
	given := strings.NewReplacer("%h", "CRC32C", "%d", "CRC32C", "%m", "8192").Replace(own)
	for _, c := range []struct {
		name               string
		keys               Keys
		leading, discovery bool
		want               string
	}{
		{"defaults", Keys{}, true, false, plain + session + " MaxConnections=1 InitialR2T=No ImmediateData=Yes MaxBurstLength=1048576" +
			" FirstBurstLength=262144 MaxOutstandingR2T=4 DataPDUInOrder=Yes DataSequenceInOrder=Yes"},
		{"everything given", all, true, false, given + " DefaultTime2Wait=3 DefaultTime2Retain=40 ErrorRecoveryLevel=0" +
			" MaxConnections=8 InitialR2T=Yes ImmediateData=No MaxBurstLength=65536 FirstBurstLength=32768 MaxOutstandingR2T=2" +
			" DataPDUInOrder=Yes DataSequenceInOrder=Yes TaskReporting=FastAbort,RFC3720"},
		{"another connection", all, false, false, given},
		{"discovery", Keys{}, true, true, plain + session},
		{"first burst within a burst (13.14)", Keys{MaxBurstLength: 4096}, true, false, plain + session +
			" MaxConnections=1 InitialR2T=No ImmediateData=Yes MaxBurstLength=4096 FirstBurstLength=4096 MaxOutstandingR2T=4" +
			" DataPDUInOrder=Yes DataSequenceInOrder=Yes"},
		{"nothing retained", Keys{DefaultTime2Retain: -1}, true, true, plain + " DefaultTime2Wait=0 DefaultTime2Retain=0 ErrorRecoveryLevel=0"},
	} {
		var got []string
		for _, kv := range c.keys.offer(c.leading, c.discovery) {
			got = append(got, kv.Key+"="+kv.Value)
		}
		check.Equal(t, strings.Join(got, " "), c.want, "%s:", c.name)
	}
}
