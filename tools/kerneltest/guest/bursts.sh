# bursts INITIAL_R2T IMMEDIATE_DATA: asks for these, checks that they hold, and writes in every way that they allow.
bursts() {
	configure node.session.iscsi.InitialR2T "$1" node.session.iscsi.ImmediateData "$2"
	connect "$SMALL"
	same "$(burst_flag "$1")" "$(negotiated "$SMALL" initial_r2t)" InitialR2T
	same "$(burst_flag "$2")" "$(negotiated "$SMALL" immediate_data)" ImmediateData
	step "FirstBurstLength $(negotiated "$SMALL" first_burst_len) MaxBurstLength $(negotiated "$SMALL" max_burst_len) MaxXmitDataSegmentLength $(negotiated "$SMALL" max_xmit_dlength)"
	exchange "$SMALL" "$LUN_DATA"
	must fio_verify "$(disk "$SMALL" "$LUN_DATA")" --size=4m --bsrange=512-512k
	logout "$SMALL"
}

# burst_flag VALUE: as sysfs shows it.
burst_flag() {
	case $1 in Yes) echo 1 ;; *) echo 0 ;; esac
}
