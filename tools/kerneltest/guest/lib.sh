# What the cases share. They run under busybox ash with "set -u"; what must succeed is said with must.
. /kt/env.sh

# The shell takes its own applets first; these are not they.
mke2fs() { /usr/bin/mke2fs "$@"; }
blkdiscard() { /usr/bin/blkdiscard "$@"; }
fstrim() { /usr/bin/fstrim "$@"; }

# fail DETAIL...: the case has failed.
fail() {
	echo "$*" >/run/kt/detail
	exit 1
}

# note DETAIL...: shown beside a PASS.
note() {
	echo "$*" >/run/kt/detail
}

# step TEXT...: shown live.
step() {
	echo "LOG $*" >&3
}

# must COMMAND...: fails the case unless the command succeeds.
must() {
	"$@"
	must_rc=$?
	[ $must_rc -eq 0 ] || fail "exit status $must_rc: $*"
}

# refused WORD COMMAND...: the command must fail and its output must have the word (an extended expression).
refused() {
	refused_word=$1
	shift
	"$@" >/run/kt/refused 2>&1 && fail "succeeded, want it refused: $*"
	cat /run/kt/refused
	grep -E -i -q "$refused_word" /run/kt/refused || fail "refused, but not with '$refused_word': $*: $(tail -n 1 /run/kt/refused)"
}

# same WANT GOT WHAT...
same() {
	same_want=$1 same_got=$2
	shift 2
	[ "$same_want" = "$same_got" ] || fail "$*: $same_got, want $same_want"
}

# eventually SECONDS COMMAND...: polls until the command succeeds.
eventually() {
	eventually_left=$(($1 * 10))
	shift
	until "$@"; do
		eventually_left=$((eventually_left - 1))
		[ $eventually_left -gt 0 ] || return 1
		usleep 100000
	done
}

# host VERB ARGUMENT...: the host acts, and answers once it has.
host() {
	echo "HOST $*" >&3
	read -r answer <&3
	[ "$answer" = OK ] || fail "host $*: $answer"
}

# expect_trouble: connection errors in the kernel's log are what this case is about.
expect_trouble() {
	: >/run/kt/trouble-expected
}

# start_iscsid: returns when it takes requests.
start_iscsid() {
	setsid iscsid -f -d 1 3>&- &
	eventually 20 grep -q ISCSIADM_ABSTRACT_NAMESPACE /proc/net/unix || fail "iscsid does not listen"
}

# configure [KEY VALUE]...: the initiator's settings, which the records made by discover take over.
configure() {
	{
		cat <<-END
			iscsid.startup = /bin/false
			node.startup = manual
			node.session.initial_login_retry_max = 2
			node.conn[0].timeo.noop_out_interval = 5
			node.conn[0].timeo.noop_out_timeout = 5
			node.session.iscsi.InitialR2T = No
			node.session.iscsi.ImmediateData = Yes
			node.session.iscsi.FirstBurstLength = 262144
			node.session.iscsi.MaxBurstLength = 16776192
			node.conn[0].iscsi.MaxRecvDataSegmentLength = 262144
			node.session.scan = auto
		END
		while [ $# -gt 0 ]; do
			echo "$1 = $2"
			shift 2
		done
	} >/etc/iscsi/iscsid.conf
}

# discover: SendTargets; the answer's lines are "ADDRESS:PORT,TPGT NAME".
discover() {
	must iscsiadm -m discovery -t sendtargets -p "$PORTAL" >/run/kt/targets
	cat /run/kt/targets
}

# login TARGET [LUNS]: logs in and waits for that many disks (1).
login() {
	must iscsiadm -m node -T "$1" --login
	eventually 20 has_disks "$1" "${2-1}" || fail "$1: no ${2-1} disks 20 s after login"
}

# connect TARGET...: settings are made, the rest of a login follows.
connect() {
	discover
	login "$@"
}

logout() {
	must iscsiadm -m node -T "$1" --logout
	[ -z "$(session "$1")" ] || fail "$1: the session is there after logout"
}

# session TARGET: its sysfs folder, or nothing. Of several, the first.
session() {
	for session_dir in /sys/class/iscsi_session/session*; do
		if [ "$(cat "$session_dir/targetname" 2>/dev/null)" = "$1" ]; then
			echo "$session_dir"
			return
		fi
	done
}

# negotiated TARGET KEY: the session's or connection's sysfs attribute.
negotiated() {
	negotiated_session=$(session "$1")
	negotiated_id=${negotiated_session##*session}
	cat "$negotiated_session/$2" 2>/dev/null || cat "/sys/class/iscsi_connection/connection$negotiated_id:0/$2"
}

# block_of SESSION LUN: the kernel's name of the disk, or nothing.
block_of() {
	ls "$1"/device/target*/*:"$2"/block 2>/dev/null | head -n 1
}

has_disks() {
	has_session=$(session "$1")
	[ -n "$has_session" ] || return 1
	[ "$(ls -d "$has_session"/device/target*/*/block/* 2>/dev/null | wc -l)" -ge "$2" ]
}

# disk TARGET LUN: its device node.
disk() {
	disk_name=$(block_of "$(session "$1")" "$2")
	[ -n "$disk_name" ] || return 1
	echo "/dev/$disk_name"
}

# sum [FILE]: SHA-256 of it.
sum() {
	sha256sum "$@" | cut -d ' ' -f 1
}

# drop: nothing that is read from now on comes from the page cache.
drop() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
}

# pattern BYTES FILE: bytes that nothing else writes.
pattern() {
	dd if=/dev/urandom of="$2" bs=64k count=$(($1 / 65536)) 2>/dev/null || fail "cannot make $2"
}

# exchange TARGET LUN: writes up to 2 MiB in requests of 512 bytes to 2 MiB each, has the host look at them, and reads them
# back.
exchange() {
	exchange_disk=$(disk "$1" "$2") || fail "$1: no LUN $2"
	exchange_offset=0
	for exchange_size in 512 4096 8192 65536 262144 2097152; do
		exchange_count=$((2097152 / exchange_size))
		[ $exchange_count -le 64 ] || exchange_count=64 # small requests cost time, not bytes
		exchange_length=$((exchange_count * exchange_size))
		# Offsets are multiples of the size, so that dd can seek there.
		exchange_offset=$(((exchange_offset + exchange_size - 1) / exchange_size * exchange_size))
		dd if=/dev/urandom of=/tmp/wrote bs=$exchange_size count=$exchange_count 2>/dev/null
		must dd if=/tmp/wrote of="$exchange_disk" bs=$exchange_size seek=$((exchange_offset / exchange_size)) oflag=direct conv=fsync 2>/run/kt/dd
		host sha256 "$1" "$2" $exchange_offset $exchange_length "$(sum /tmp/wrote)"
		must dd if="$exchange_disk" of=/tmp/read bs=$exchange_size skip=$((exchange_offset / exchange_size)) count=$exchange_count iflag=direct 2>/run/kt/dd
		cmp /tmp/wrote /tmp/read || fail "requests of $exchange_size bytes at $exchange_offset: read back other bytes"
		exchange_offset=$((exchange_offset + exchange_length))
	done
	rm -f /tmp/wrote /tmp/read
}

# fio_verify DEVICE [OPTION]...: a short random mix whose every block is checked by crc32c.
fio_verify() {
	fio_device=$1
	shift
	fio --name=verify --filename="$fio_device" --ioengine=libaio --direct=1 --thread --rw=randrw --bs=4k --iodepth=16 \
		--verify=crc32c --verify_fatal=1 --do_verify=1 --output=/run/kt/fio "$@"
	fio_rc=$?
	grep -E '^(verify|fio)|err=|READ:|WRITE:' /run/kt/fio
	return $fio_rc
}
