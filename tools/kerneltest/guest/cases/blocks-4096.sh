# A LUN with 4096-byte blocks carries a file system and fio.
connect "$PLAIN" 4
d=$(disk "$PLAIN" "$LUN_BIG")
q=/sys/block/${d#/dev/}/queue
same 4096 "$(cat "$q/logical_block_size")" "logical block size"
must mke2fs -q -t ext4 "$d"
mkdir -p /mnt/big
must mount -t ext4 "$d" /mnt/big
pattern 4194304 /mnt/big/a
before=$(sum /mnt/big/a)
must umount /mnt/big
must e2fsck -f -n "$d"
must mount -t ext4 -o ro "$d" /mnt/big
drop
same "$before" "$(sum /mnt/big/a)" "checksum"
must umount /mnt/big
must fio_verify "$d" --size=4m
# A transfer that is no multiple of the block is the initiator's mistake, not ours to meet; the kernel refuses it itself.
