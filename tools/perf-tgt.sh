#!/bin/bash
# 4 KiB random reads at depth 32, one connection, memory-backed LUNs: ringtgt beside tuned tgt, in turn, each on CPU 0, the
# initiator (iscsi-perf) on CPU 1. Prints IOPS per second of the target's CPU time, and their ratio, round by round, and
# the median ratio. Usage: perf-tgt.sh [ROUNDS [SECONDS]]
set -eu
rounds=${1:-5} seconds=${2:-4}
bin=${RINGTGT_BINARY:-bin/ringtgt}
for need in tgtd tgtadm iscsi-perf taskset "$bin"; do
	command -v "$need" >/dev/null || { echo "perf-tgt: $need is missing (make build; packages tgt, libiscsi-bin)" >&2; exit 1; }
done
[ "$(nproc)" -ge 2 ] || { echo "perf-tgt: wants two CPUs" >&2; exit 1; }
dir=$(mktemp -d)
ram=$(mktemp /dev/shm/perf-tgt.XXXXXX)
# A control number of our own, so that no other tgtd of this machine is touched.
ctl=$((20000 + $$ % 10000)) ours=$((20000 + $$ % 20000)) theirs=$((ours + 20001))
ringtgt= tgtd=
stop() {
	kill "$ringtgt" 2>/dev/null || true
	kill -9 "$tgtd" 2>/dev/null || true # it does not listen to less while it has targets
	rm -rf "$dir" "$ram"
}
trap stop EXIT
"$bin" serve --listen "127.0.0.1:$ours" --lun mem:256M --cores 0 --state "$dir/state" >"$dir/ringtgt.log" 2>&1 &
ringtgt=$!
taskset -c 0 tgtd -f --iscsi "portal=127.0.0.1:$theirs" -C "$ctl" >"$dir/tgtd.log" 2>&1 &
tgtd=$!
truncate -s 256M "$ram"
dd if=/dev/zero of="$ram" bs=1M count=256 conv=notrunc status=none
adm="tgtadm -C $ctl --lld iscsi"
for _ in $(seq 50); do $adm --op show --mode sys >/dev/null 2>&1 && break; sleep 0.1; done
$adm --op new --mode target --tid 1 -T iqn.2026-11.io.tgt:disk
$adm --op new --mode logicalunit --tid 1 --lun 1 -b "$ram"
$adm --op bind --mode target --tid 1 -I ALL
for key in MaxRecvDataSegmentLength MaxXmitDataSegmentLength FirstBurstLength MaxBurstLength; do
	$adm --op update --mode target --tid 1 --name $key --value 262144
done
taskset -apc 0 "$ringtgt" >/dev/null # the runtime's threads too: one CPU is all it gets

ticks() { awk '{print $14 + $15}' "/proc/$1/stat"; }
round() { # pid url -> "IOPS IOPS-per-CPU-second"
	before=$(ticks "$1")
	iops=$(taskset -c 1 iscsi-perf -r -b 8 -m 32 -t "$seconds" "$2" 2>/dev/null | tr '\r' '\n' | sed -n 's/^iops average \([0-9]*\) .*/\1/p' | tail -1)
	after=$(ticks "$1")
	awk -v i="${iops:-0}" -v s="$seconds" -v t=$((after - before)) -v hz="$(getconf CLK_TCK)" 'BEGIN { printf "%d %d\n", i, t ? i * s * hz / t : 0 }'
}
echo "4 KiB random read, depth 32, one connection, $seconds s a round; load average $(cut -d' ' -f1-3 /proc/loadavg)"
for i in $(seq "$rounds"); do
	read -r ai ac <<<"$(round "$ringtgt" "iscsi://127.0.0.1:$ours/iqn.2026-11.io.ringtgt:disk0/0")"
	read -r bi bc <<<"$(round "$tgtd" "iscsi://127.0.0.1:$theirs/iqn.2026-11.io.tgt:disk/1")"
	ratio=$(awk -v a="$ac" -v b="$bc" 'BEGIN { printf "%.2f", b ? a / b : 0 }')
	echo "round $i: ringtgt $ai IOPS, $ac per CPU-second | tgt $bi IOPS, $bc per CPU-second | ratio $ratio"
	echo "$ratio" >>"$dir/ratios"
done
sort -n "$dir/ratios" | awk '{ r[NR] = $1 } END { printf "median ratio %s (%s to %s)\n", r[int((NR + 1) / 2)], r[1], r[NR] }'
