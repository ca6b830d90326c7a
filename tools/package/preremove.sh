#!/bin/sh
# Before removal and before an upgrade. deb: $1 is remove or upgrade. rpm: $1 is 0 for a removal, 1 for an upgrade.
set -e
case "$1" in
remove | 0) ;;
*) exit 0 ;;
esac
if [ -d /run/systemd/system ]; then
	systemctl disable --now ringtgt.service
fi
