# Takes commands from the host on the second serial port: "RUN NAME SECONDS" runs guest/cases/NAME.sh and answers
# "CASE NAME PASS|FAIL DETAIL". Cases speak to the host on descriptor 3.
. /kt/lib.sh
stty -F /dev/ttyS1 raw -echo
exec 3<>/dev/ttyS1

# kmsg TEXT: a line in the kernel's log, so that what a case caused can be told from what came before.
kmsg() {
	echo "<5>kt: $*" >/dev/kmsg
}

run() {
	name=$1 limit=$2
	rm -f /run/kt/*
	kmsg "begin $name"
	configure
	setsid sh /kt/case.sh "$name" &
	pid=$!
	setsid sh -c 'sleep "$1"; echo "ran longer than $1 s" >/run/kt/detail; kill -KILL "-$2"' watch "$limit" "$pid" 3>&- &
	watch=$!
	wait $pid
	rc=$?
	kill -KILL -$watch 2>/dev/null
	wait $watch 2>/dev/null
	kill -KILL -$pid 2>/dev/null # what the case left running
	dmesg | sed -n "/kt: begin $name\$/,\$p" >/run/kt/dmesg
	if [ $rc -ne 0 ]; then
		trouble
		[ -s /run/kt/detail ] || echo "exit status $rc" >/run/kt/detail
	fi
	clean || { rc=1; echo "cleaning up failed: $(cat /run/kt/left)" >>/run/kt/detail; }
	if [ $rc -eq 0 ]; then
		complain || rc=1
	fi
	verdict=PASS
	[ $rc -eq 0 ] || verdict=FAIL
	echo "CASE $name $verdict $(tr '\n' ' ' </run/kt/detail 2>/dev/null | head -c 1000)" >&3
}

# trouble shows what may explain a failure.
trouble() {
	echo "--- kernel log"
	tail -n 40 /run/kt/dmesg
	echo "--- sessions"
	iscsiadm -m session -P 2 2>&1 | tail -n 40
	echo "--- mounts and processes"
	grep ' /mnt' /proc/mounts
	ps -o pid,stat,args | grep -v '\['
}

# without_login_race copies the kernel's log without a race of the initiator with itself: a login answer comes before the
# kernel's own thread has let go of the request ("Login/Text in progress"), iscsid's next request is refused, and iscsid begins the
# login again. It takes a busy machine, and says nothing of the target.
without_login_race() {
	awk '
		{ connection = match($0, /connection[0-9]+:[0-9]+/) ? substr($0, RSTART, RLENGTH) : "" }
		/Login\/Text in progress/ { raced[connection]++; next }
		/detected conn error/ && raced[connection] > 0 { raced[connection]--; next }
		{ print }
	' "$1"
}

# complain fails a case that passed while the kernel reported trouble that it did not announce with expect_trouble.
complain() {
	[ -e /run/kt/trouble-expected ] && return 0
	without_login_race /run/kt/dmesg >/run/kt/raceless
	if grep -E 'detected conn error|ping timeout|I/O error|rejected|protocol error|WARNING:|BUG:|EXT4-fs (error|warning)' \
		/run/kt/raceless >/run/kt/complaints; then
		echo "the kernel complained: $(head -n 3 /run/kt/complaints | tr '\n' ' ')" >/run/kt/detail
		trouble
		return 1
	fi
}

# clean brings the guest back to no mount, no session, no record.
clean() {
	for mount in $(sed -n 's/^[^ ]* \(\/mnt[^ ]*\) .*/\1/p' /proc/mounts); do
		umount "$mount" || umount -l "$mount"
	done
	grep -q ISCSIADM_ABSTRACT_NAMESPACE /proc/net/unix || (start_iscsid)
	if ls /sys/class/iscsi_session/session* >/dev/null 2>&1; then
		iscsiadm -m node -u >/dev/null 2>&1
	fi
	if ls -d /sys/class/iscsi_session/session* >/run/kt/left 2>/dev/null; then
		return 1
	fi
	rm -rf /etc/iscsi/nodes /etc/iscsi/send_targets /etc/iscsi/ifaces /mnt/*
	return 0
}

echo READY >&3
while read -r verb name limit <&3; do
	case $verb in
	RUN) run "$name" "$limit" ;;
	*) echo "kt: unknown command $verb" ;;
	esac
done
poweroff -f
