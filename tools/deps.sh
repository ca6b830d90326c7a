#!/bin/sh
# Installs what the tests need from Debian, when it is root on a machine with apt; elsewhere the tests name what is missing.
set -eu
case "${1:-test}" in
test) set -- prometheus libiscsi-bin qemu-utils qemu-block-extra fio tgt iproute2 chromium fonts-dejavu-core e2fsprogs util-linux fdisk \
		xfsprogs btrfs-progs dosfstools ntfs-3g cryptsetup-bin resource-agents libxml2-utils tshark \
		mmdebstrap systemd-container rpm buildah crun cpio jq zsh fish mandoc ;;
kernel) set -- qemu-system-x86 cpio e2fsprogs ;;
*) echo "usage: deps.sh test|kernel" >&2; exit 2 ;;
esac
missing=
for p in "$@"; do
	dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing="$missing $p"
done
[ -z "$missing" ] && exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
	echo "not installed:$missing (tests that need them are skipped)" >&2
	exit 0
fi
echo "installing$missing"
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update
# Daemons of these packages are not wanted: the tests start their own.
if [ ! -e /usr/sbin/policy-rc.d ]; then
	printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
	chmod +x /usr/sbin/policy-rc.d
	trap 'rm -f /usr/sbin/policy-rc.d' EXIT
fi
# shellcheck disable=SC2086
apt-get -qq install -y --no-install-recommends $missing >/dev/null
