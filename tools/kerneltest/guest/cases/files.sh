# A person's first hour: make a file system, write, unmount, log out and in, check, read.
connect "$SMALL"
d=$(disk "$SMALL" "$LUN_DATA")
must mke2fs -q -t ext4 "$d"
mkdir -p /mnt/files
must mount -t ext4 "$d" /mnt/files
step "writing files"
for i in 1 2 3 4 5 6 7 8; do
	mkdir -p /mnt/files/dir$i
	for size in 1 100 4095 4096 4097 65536 300000; do
		head -c $size /dev/urandom >/mnt/files/dir$i/$size || fail "writing dir$i/$size"
	done
done
pattern 8388608 /mnt/files/large
(cd /mnt/files && find . -type f -exec sha256sum {} + >/tmp/sums) || fail "computing checksums"
must umount /mnt/files
logout "$SMALL"
login "$SMALL"
d=$(disk "$SMALL" "$LUN_DATA")
step "checking"
must e2fsck -f -n "$d"
must mount -t ext4 -o ro "$d" /mnt/files
(cd /mnt/files && sha256sum -c /tmp/sums >/run/kt/check) || fail "checksums: $(grep -v OK /run/kt/check | head -n 3)"
must umount /mnt/files
note "$(wc -l </tmp/sums) files"
