# As a machine boots from iSCSI: iscsistart logs in with no daemon, then iscsid starts and takes the session over.
expect_trouble
killall iscsid
eventually 10 sh -c '! grep -q ISCSIADM_ABSTRACT_NAMESPACE /proc/net/unix' || fail "iscsid does not end"
must iscsistart -i iqn.2026-11.io.ringtgt:guest -t "$SMALL" -g 1 -a 127.0.0.1 -p "${PORTAL#*:}"
eventually 20 has_disks "$SMALL" 1 || fail "no disk 20 s after iscsistart"
exchange "$SMALL" "$LUN_DATA"
start_iscsid
in_hand() { iscsiadm -m session -P 1 | grep -q 'iSCSI Session State: LOGGED_IN'; }
eventually 20 in_hand || fail "iscsid does not take the session over"
exchange "$SMALL" "$LUN_DATA"
must iscsiadm -m session -u
[ -z "$(session "$SMALL")" ] || fail "the session is there after logout"
