# A read-only LUN says so (WP in the mode parameter header, SBC-3 section 6.4.1), is read, and refuses every write.
expect_trouble
connect "$PLAIN" 4
d=$(disk "$PLAIN" "$LUN_RO")
same 1 "$(blockdev --getro "$d")" "the kernel's read-only flag"
same "$RO_SHA256" "$(dd if="$d" bs=1M iflag=direct 2>/dev/null | sum)" "its bytes"
dd if=/dev/urandom of="$d" bs=4k count=1 oflag=direct 2>/run/kt/dd && fail "the kernel let a write pass"
# Past the kernel's own check: DATA PROTECT, WRITE PROTECTED (07h 27h/00h).
head -c 512 /dev/urandom >/tmp/a
sg=/dev/$(ls "/sys/block/${d#/dev/}/device/scsi_generic")
refused "data.protect|write.protect" sg_raw -s 512 -i /tmp/a "$sg" 2a 00 00 00 00 00 00 00 01 00
refused "data.protect|write.protect" sg_raw -s 512 -i /tmp/a "$sg" 8a 00 00 00 00 00 00 00 00 00 00 00 00 01 00 00
refused "data.protect|write.protect" sg_write_same --16 --lba=0 --num=1 --in=/tmp/a --xferlen=512 "$sg"
drop
same "$RO_SHA256" "$(dd if="$d" bs=1M iflag=direct 2>/dev/null | sum)" "its bytes after the writes"
host sha256 "$PLAIN" "$LUN_RO" 0 "$SIZE_RO" "$RO_SHA256"
