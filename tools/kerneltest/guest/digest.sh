# digest HEADER DATA: offers these digests alone, checks that they hold, and moves data under them. The kernel
# drops the connection on a digest that is wrong.
digest() {
	configure "node.conn[0].iscsi.HeaderDigest" "$1" "node.conn[0].iscsi.DataDigest" "$2"
	connect "$SMALL"
	same "$(digest_flag "$1")" "$(negotiated "$SMALL" header_digest)" HeaderDigest
	same "$(digest_flag "$2")" "$(negotiated "$SMALL" data_digest)" DataDigest
	exchange "$SMALL" "$LUN_DATA"
	must fio_verify "$(disk "$SMALL" "$LUN_DATA")" --size=4m --bsrange=512-128k
	logout "$SMALL"
}

# digest_flag VALUE: as sysfs shows it.
digest_flag() {
	case $1 in CRC32C) echo 1 ;; *) echo 0 ;; esac
}
