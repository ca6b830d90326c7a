# The smallest bursts and segments: many R2Ts, many Data-Out and Data-In PDUs a command (RFC 7143 sections 13.12 to 13.14).
configure node.session.iscsi.FirstBurstLength 1024 node.session.iscsi.MaxBurstLength 4096 \
	"node.conn[0].iscsi.MaxRecvDataSegmentLength" 1024 "node.conn[0].iscsi.MaxXmitDataSegmentLength" 512 \
	"node.conn[0].iscsi.HeaderDigest" CRC32C "node.conn[0].iscsi.DataDigest" CRC32C
connect "$SMALL"
same 1024 "$(negotiated "$SMALL" first_burst_len)" FirstBurstLength
same 4096 "$(negotiated "$SMALL" max_burst_len)" MaxBurstLength
exchange "$SMALL" "$LUN_DATA"
logout "$SMALL"
