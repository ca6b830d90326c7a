# Persistent reservations between two sessions of one initiator name with different ISIDs: two I_T nexuses (RFC 7143
# section 4.4.2, SPC-4 section 5.12). Under Write Exclusive the second reads and may not write.
expect_trouble # the kernel logs the reservation conflict
configure node.session.nr_sessions 2
discover
must iscsiadm -m node -T "$SMALL" --login
two() { [ "$(ls -d /sys/class/iscsi_session/session*/device/target*/*:"$LUN_DATA"/block/* 2>/dev/null | wc -l)" = 2 ]; }
eventually 20 two || fail "want two sessions with a disk each, have $(ls /sys/class/iscsi_session)"
set -- $(ls -d /sys/class/iscsi_session/session*)
a=/dev/$(ls "$1"/device/target*/*:"$LUN_DATA"/block) b=/dev/$(ls "$2"/device/target*/*:"$LUN_DATA"/block)
cat "$1/initiatorname" "$2/initiatorname"
must sg_persist --in --report-capabilities "$a"
must sg_persist --out --register --param-sark=a1 "$a"
must sg_persist --out --register --param-sark=b2 "$b"
sg_persist --in --read-keys "$a" >/tmp/keys || fail "READ KEYS"
grep -q 0xa1 /tmp/keys && grep -q 0xb2 /tmp/keys || fail "READ KEYS: $(tr '\n' ' ' </tmp/keys)"
must sg_persist --out --reserve --param-rk=a1 --prout-type=1 "$a"
sg_persist --in --read-reservation "$b" >/tmp/reservation || fail "READ RESERVATION"
grep -q 'Write Exclusive' /tmp/reservation || fail "READ RESERVATION: $(tr '\n' ' ' </tmp/reservation)"
step "the second session under Write Exclusive"
pattern 65536 /tmp/a
must dd if=/tmp/a of="$a" bs=64k oflag=direct
must dd if="$b" of=/tmp/b bs=64k count=1 iflag=direct
cmp /tmp/a /tmp/b || fail "the second session reads other bytes"
dd if=/dev/urandom of="$b" bs=4k count=1 oflag=direct conv=fsync 2>/run/kt/dd && fail "the second session wrote through a Write Exclusive reservation"
must dd if="$b" of=/tmp/b bs=64k count=1 iflag=direct
cmp /tmp/a /tmp/b || fail "the refused write changed bytes"
step "preempt and release"
must sg_persist --out --preempt --param-rk=b2 --param-sark=a1 --prout-type=1 "$b"
must dd if=/tmp/a of="$b" bs=64k oflag=direct
sg_turs "$a" # the preempted nexus hears of it by a unit attention
must sg_persist --out --release --param-rk=b2 --prout-type=1 "$b"
must sg_persist --out --clear --param-rk=b2 "$b"
sg_persist --in --read-keys "$b" >/tmp/keys || fail "READ KEYS"
grep -q -E '0xa1|0xb2' /tmp/keys && fail "keys after CLEAR: $(tr '\n' ' ' </tmp/keys)"
sg_turs "$a"
must dd if=/tmp/a of="$a" bs=64k oflag=direct
