# Thin provisioning: discard, WRITE SAME with UNMAP and fstrim; what was discarded reads as zeros when LBPRZ says so
# (SBC-3 section 4.7.4.4), what was not stays.
connect "$PLAIN" 4
d=$(disk "$PLAIN" "$LUN_DATA")
q=/sys/block/${d#/dev/}/queue
[ "$(cat "$q/discard_max_bytes")" -gt 0 ] || fail "the kernel sees no discard: $(cat /sys/block/"${d#/dev/}"/device/scsi_disk/*/provisioning_mode)"
note "$(cat /sys/block/"${d#/dev/}"/device/scsi_disk/*/provisioning_mode)"
pattern 4194304 /tmp/a
must dd if=/tmp/a of="$d" bs=1M oflag=direct conv=fsync
must blkdiscard -o 1048576 -l 1048576 "$d"
must dd if="$d" of=/tmp/b bs=1M count=4 iflag=direct
cut_out() { dd if=$1 bs=1M skip=$2 count=$3 2>/dev/null | sum; }
same "$(cut_out /tmp/a 0 1)" "$(cut_out /tmp/b 0 1)" "bytes before the discarded ones"
same "$(cut_out /tmp/a 2 2)" "$(cut_out /tmp/b 2 2)" "bytes after the discarded ones"
sg_readcap --long "$d" >/tmp/readcap || fail "READ CAPACITY(16)"
if grep -q 'lbprz=1' /tmp/readcap; then
	same "$(head -c 1048576 /dev/zero | sum)" "$(cut_out /tmp/b 1 1)" "discarded bytes with LBPRZ=1"
fi
step "UNMAP by hand"
must sg_unmap --force --lba=0 --num=2048 "$d"
must blkdiscard -z -o 2097152 -l 1048576 "$d"
must dd if="$d" of=/tmp/b bs=1M skip=2 count=1 iflag=direct
same "$(head -c 1048576 /dev/zero | sum)" "$(sum /tmp/b)" "bytes after BLKZEROOUT"

step "fstrim"
must mke2fs -q -t ext4 -E discard "$d"
mkdir -p /mnt/thin
must mount -t ext4 "$d" /mnt/thin
pattern 8388608 /mnt/thin/keep
pattern 8388608 /mnt/thin/delete
sync
before=$(sum /mnt/thin/keep)
rm /mnt/thin/delete
sync
must fstrim -v /mnt/thin
must umount /mnt/thin
must e2fsck -f -n "$d"
must mount -t ext4 "$d" /mnt/thin
drop
same "$before" "$(sum /mnt/thin/keep)" "a file after fstrim"
must umount /mnt/thin
