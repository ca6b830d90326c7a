# restart VERB: under a mounted file system and a writer, the host does "target VERB", which ends the target, and starts it
# again on the same files. Writers wait, the session comes back by itself, nothing that was written is lost.
restart() {
	configure "node.conn[0].timeo.noop_out_interval" 2 "node.conn[0].timeo.noop_out_timeout" 2 "node.conn[0].timeo.login_timeout" 5
	connect "$SMALL"
	d=$(disk "$SMALL" "$LUN_DATA")
	must mke2fs -q -t ext4 "$d"
	mkdir -p /mnt/restart
	must mount -t ext4 "$d" /mnt/restart
	rm -f /tmp/sums
	write_files &
	writer=$!
	eventually 20 some 5 || fail "the writer does not get on"
	host target "$1"
	step "the target is down after $(wc -l </tmp/sums) files"
	sleep 3 # so that the initiator finds nobody there
	kill -0 $writer || fail "the writer ended while the target was down"
	host target start
	step "the target is back"
	wait $writer || fail "a write failed: $(tail -n 1 /run/kt/dd)"
	same LOGGED_IN "$(negotiated "$SMALL" state)" "session state"
	drop
	(cd /mnt/restart && sha256sum -c /tmp/sums >/run/kt/check) || fail "checksums: $(grep -v OK /run/kt/check | head -n 3)"
	must umount /mnt/restart
	must e2fsck -f -n "$d"
	must mount -t ext4 -o ro "$d" /mnt/restart
	(cd /mnt/restart && sha256sum -c /tmp/sums >/run/kt/check) || fail "checksums after fsck: $(grep -v OK /run/kt/check | head -n 3)"
	must umount /mnt/restart
}

# write_files: 40 files of 256 KiB, each synced; /tmp/sums has those that the file system acknowledged.
write_files() {
	for i in $(seq 40); do
		head -c 262144 /dev/urandom >/tmp/chunk
		dd if=/tmp/chunk of=/mnt/restart/$i bs=64k conv=fsync 2>/run/kt/dd || return 1
		(cd /tmp && sha256sum chunk) | sed "s/chunk/$i/" >>/tmp/sums
		usleep 50000
	done
}

# some COUNT: that many files are acknowledged.
some() {
	[ -e /tmp/sums ] && [ "$(wc -l </tmp/sums)" -ge "$1" ]
}
