#!/bin/sh
# After removal. Data is never removed: not the disks, and not the state, without which they are other disks to initiators.
set -e
[ ! -d /run/systemd/system ] || systemctl daemon-reload
case "$1" in
purge | 0)
	if [ -d /var/lib/ringtgt ]; then
		echo "ringtgt: /var/lib/ringtgt is kept: the identities and reservations of the disks are there"
	fi
	;;
esac
