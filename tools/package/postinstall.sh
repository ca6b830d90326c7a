#!/bin/sh
# After installation and upgrade. deb: $1 is configure, $2 the version before. rpm: $1 is 1 for the first installation, 2 for an upgrade.
set -e
upgrade=no
case "$1" in
configure) [ -z "$2" ] || upgrade=yes ;;
1) ;;
*) upgrade=yes ;;
esac
systemd-sysusers ringtgt.conf
systemd-tmpfiles --create ringtgt.conf || true
chgrp ringtgt /etc/ringtgt/ringtgt.toml
chmod 0640 /etc/ringtgt/ringtgt.toml
[ -d /run/systemd/system ] || exit 0
systemctl daemon-reload
if [ $upgrade = no ]; then
	systemctl preset ringtgt.service
	if systemctl is-enabled -q ringtgt.service; then
		systemctl start ringtgt.service || echo "ringtgt did not start: systemctl status ringtgt" >&2
	fi
elif systemctl is-active -q ringtgt.service; then
	# Initiators see a restart as a pause, so the administrator chooses the moment.
	echo "ringtgt: the old version runs on; systemctl restart ringtgt starts the new one"
fi
