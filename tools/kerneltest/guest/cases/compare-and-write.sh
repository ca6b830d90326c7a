# COMPARE AND WRITE writes when the blocks are as expected, and reports a miscompare and leaves them when they are not (SBC-3
# section 5.3).
connect "$SMALL"
d=$(disk "$SMALL" "$LUN_DATA")
pattern 65536 /tmp/a
head -c 512 /tmp/a >/tmp/old
tail -c 512 /tmp/a >/tmp/new
cat /tmp/old /tmp/new >/tmp/both
must dd if=/tmp/old of="$d" bs=512 seek=8 oflag=direct
must sg_compare_and_write --in=/tmp/both --lba=8 --num=1 --xferlen=1024 "$d"
must dd if="$d" of=/tmp/got bs=512 skip=8 count=1 iflag=direct
cmp /tmp/new /tmp/got || fail "a match did not write"
sg_compare_and_write --in=/tmp/both --lba=8 --num=1 --xferlen=1024 "$d"
same 14 $? "a second time: exit status (14 is MISCOMPARE)"
must dd if="$d" of=/tmp/got bs=512 skip=8 count=1 iflag=direct
cmp /tmp/new /tmp/got || fail "a miscompare wrote"
