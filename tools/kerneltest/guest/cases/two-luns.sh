# Two LUNs of a target are two disks: identities differ, and what one holds the other does not.
connect "$PLAIN" 4
must iscsiadm -m session --rescan
same 4 "$(ls -d "$(session "$PLAIN")"/device/target*/*/block/* | wc -l)" "disks after a rescan"
a=$(disk "$PLAIN" "$LUN_DATA") b=$(disk "$PLAIN" "$LUN_SECOND")
sg_vpd --page=di --raw "$a" >/tmp/a || fail "VPD 83h of $a"
sg_vpd --page=di --raw "$b" >/tmp/b || fail "VPD 83h of $b"
cmp -s /tmp/a /tmp/b && fail "both LUNs have one identity (VPD 83h)"
sg_vpd --page=sn --raw "$a" >/tmp/a || fail "VPD 80h of $a"
sg_vpd --page=sn --raw "$b" >/tmp/b || fail "VPD 80h of $b"
cmp -s /tmp/a /tmp/b && fail "both LUNs have one serial number (VPD 80h)"
pattern 1048576 /tmp/a
pattern 1048576 /tmp/b
must dd if=/tmp/a of="$a" bs=64k oflag=direct conv=fsync &
first=$!
must dd if=/tmp/b of="$b" bs=64k oflag=direct conv=fsync
wait $first || fail "writing to LUN $LUN_DATA"
host sha256 "$PLAIN" "$LUN_DATA" 0 1048576 "$(sum /tmp/a)"
host sha256 "$PLAIN" "$LUN_SECOND" 0 1048576 "$(sum /tmp/b)"
drop
dd if="$a" bs=64k count=16 iflag=direct 2>/dev/null | cmp - /tmp/a || fail "LUN $LUN_DATA lost its bytes"
dd if="$b" bs=64k count=16 iflag=direct 2>/dev/null | cmp - /tmp/b || fail "LUN $LUN_SECOND lost its bytes"
