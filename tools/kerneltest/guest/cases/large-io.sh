# Single commands of 1 MiB and more: several bursts, several R2Ts (a 1 MiB read hung other targets).
connect "$PLAIN" 4
d=$(disk "$PLAIN" "$LUN_SECOND")
q=/sys/block/${d#/dev/}/queue
cat "$q/max_hw_sectors_kb" >"$q/max_sectors_kb"
largest=$(cat "$q/max_sectors_kb")
step "the kernel sends up to $largest KiB a command"
[ "$largest" -ge 1024 ] || fail "the largest request is $largest KiB, want 1024 at least"
pattern 8388608 /tmp/a
for kib in 1024 4096; do
	[ $kib -le "$largest" ] || continue
	must dd if=/tmp/a of="$d" bs=${kib}k oflag=direct conv=fsync
	must dd if="$d" of=/tmp/b bs=${kib}k count=$((8192 / kib)) iflag=direct
	cmp /tmp/a /tmp/b || fail "dd with $kib KiB read back other bytes"
	# One SCSI command through SG_IO, whatever the block layer would split.
	must sg_dd if=/tmp/a of="$d" bs=512 count=16384 bpt=$((kib * 2)) oflag=sgio
	must sg_dd if="$d" of=/tmp/b bs=512 count=16384 bpt=$((kib * 2)) iflag=sgio
	cmp /tmp/a /tmp/b || fail "sg_dd with $kib KiB read back other bytes"
	host sha256 "$PLAIN" "$LUN_SECOND" 0 8388608 "$(sum /tmp/a)"
	step "$kib KiB"
done
must fio_verify "$d" --rw=write --bs=1m --iodepth=4 --size=16m
