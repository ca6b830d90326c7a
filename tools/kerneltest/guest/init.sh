#!/usr/bin/busybox sh
# The guest's first process: file systems, modules, network, iscsid, then the agent.
export PATH=/usr/bin:/bin HOME=/
/usr/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/shm
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /tmp
mkdir -p /run/lock/iscsi /run/kt
exec >/dev/console 2>&1 </dev/null
while read -r module; do
	insmod "$module" || echo "kt: insmod $module failed"
done </kt/modules.load

echo 'root:x:0:0::/:/bin/sh' >/etc/passwd # iscsid looks up the user of its client
echo 'InitiatorName=iqn.2026-11.io.ringtgt:guest' >/etc/iscsi/initiatorname.iscsi
. /kt/lib.sh

if [ "${MODE:-}" = power ]; then # the target runs in here
	ip link set lo up
	exec sh /kt/agent.sh
fi

# The host's loopback answers at 10.0.2.2. A target that listens on 127.0.0.1 says so in its answer to SendTargets, and an
# initiator then logs in there: so 127.0.0.1 leads to the host as well, and lo stays down.
ip link set eth0 up
ip address add 10.0.2.15/24 dev eth0
echo 1 >/proc/sys/net/ipv4/conf/all/route_localnet
echo 0 >/proc/sys/net/ipv4/conf/all/rp_filter
echo 0 >/proc/sys/net/ipv4/conf/eth0/rp_filter
ip route add default via 10.0.2.2
ip route add 127.0.0.1/32 via 10.0.2.2

# qemu's network speaks TCP without window scaling, so at most 64 KiB are on their way, and it probes a closed window only after
# 5 s. Receive offload (GRO) hands these 64 KiB to TCP as one piece, which closes the window for a moment, and now and then the
# kernel does not tell that it is open again.
ethtool -K eth0 gro off

configure
start_iscsid
exec sh /kt/agent.sh
