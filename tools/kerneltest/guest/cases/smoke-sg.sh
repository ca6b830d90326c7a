# The device server answers sg3-utils: identification, capacity, mode pages, operation codes, single commands.
connect "$PLAIN" 4
d=$(disk "$PLAIN" "$LUN_SECOND")
must sg_turs "$d"
must sg_requests "$d"
must sg_inq "$d"
for page in sv sn di bl bdc lbpv; do
	must sg_vpd --page=$page "$d"
done
must sg_readcap "$d"
must sg_readcap --long "$d"
must sg_luns "$d"
must sg_modes "$d"
must sg_opcodes "$d"
must sg_sync "$d"

step "single commands"
pattern 65536 /tmp/a
must sg_dd if=/tmp/a of="$d" bs=512 count=128 blk_sgio=1 oflag=sgio
must sg_verify --lba=0 --count=128 "$d"
# WRITE SAME(16): one block over 64.
head -c 512 /tmp/a >/tmp/block
must sg_write_same --16 --lba=256 --num=64 --in=/tmp/block --xferlen=512 "$d"
must dd if="$d" of=/tmp/b bs=512 skip=256 count=64 iflag=direct
for i in $(seq 64); do cat /tmp/block; done | cmp - /tmp/b || fail "WRITE SAME(16) wrote other bytes"
# No such command: CHECK CONDITION, ILLEGAL REQUEST (SPC-4 section 4.5), and the session goes on.
refused "illegal.request|invalid opcode|invalid command" sg_raw "$d" fe 00 00 00 00 00
must sg_turs "$d"
