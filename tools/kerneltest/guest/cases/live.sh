# fio verifies a LUN for the whole length of a script on the host that changes everything else: it adds, grows, masks, limits and
# removes other LUNs of the same target, adds and removes targets and portals, rotates CHAP secrets, kicks other sessions and applies
# an edited file. There must be no I/O error and no reconnection. The latencies are printed, beside those while the same script
# changes another daemon.
connect "$LIVE"
d=$(disk "$LIVE" "$LUN_LIVE")
was=$(session "$LIVE")

# verifying SECONDS OUTPUT: writes at random and reads back what was written, for that long or until SIGTERM.
verifying() {
	exec fio --name=verify --filename="$d" --ioengine=libaio --direct=1 --thread --rw=randwrite --bs=4k --iodepth=8 --size=8m \
		--verify=crc32c --verify_fatal=1 --verify_backlog=128 --time_based --runtime="$1" --percentile_list=99 \
		--output-format=json --output="$2"
}

# latencies OUTPUT: p99 of reads and writes, and their number.
latencies() {
	awk '
		/"(read|write)" : \{/ { gsub(/"/, "", $1); op = $1 }
		/"trim" : \{/ { op = "" }
		/"total_ios"/ && op != "" { n = $3 + 0 }
		/"99.000000"/ && op != "" { printf "%s p99 %.1f ms (%d) ", op, $3 / 1e6, n; op = "" }
	' "$1"
}

# during OUTPUT ACTION...: fio verifies while the host carries out an action; what it and the target measured is shown.
during() {
	out=$1
	shift
	host latency
	verifying 600 "$out" &
	fio=$!
	sleep 2
	host "$@"
	kill -0 $fio || fail "fio ended before the script: $(head -n 3 "$out")"
	kill -TERM $fio
	wait $fio
	same 128 $? "fio's exit status after SIGTERM"
	grep -q '"error" : 0,' "$out" || fail "fio: $(grep '"error"' "$out")"
	step "$1: $(latencies "$out")"
	host latency "$LIVE" "$LUN_LIVE"
}

# The script at another daemon takes as much of the host's processors, on which this machine is emulated.
during /run/kt/fio-elsewhere elsewhere
during /run/kt/fio-live live "$(cat "$was/initiatorname")"

same "$was" "$(session "$LIVE")" "the session"
same LOGGED_IN "$(negotiated "$LIVE" state)" "its state"
dmesg | sed -n '/kt: begin live$/,$p' | grep -E 'detected conn error|I/O error|session recovery|offline' && fail "the kernel complained"
must fio_verify "$d" --size=2m
note "$(latencies /run/kt/fio-elsewhere)-> $(latencies /run/kt/fio-live)"
