#!/bin/sh
# stage.sh BINARY DESTDIR PREFIX [ZSHDIR]: installs all files of ringtgt below DESTDIR, as `make install` and the packages have them.
# Manual pages and completion come from the binary itself. An existing configuration stays.
set -eu
binary=$1 dest=$2 prefix=$3
zsh=${4:-$prefix/share/zsh/site-functions}
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
put() { install -D -m "$1" "$2" "$dest$3"; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

put 0755 "$binary" "$prefix/bin/ringtgt"

# System-wide units and users are below /usr/lib, or for another prefix below /etc.
lib=/usr/lib units=/usr/lib/systemd/system
[ "$prefix" = /usr ] || lib=/etc units=/etc/systemd/system
sed "s|/usr/bin/ringtgt|$prefix/bin/ringtgt|; s|/usr/share/doc|$prefix/share/doc|" "$here/ringtgt.service" >"$work/ringtgt.service"
sed "s|/usr/share/doc|$prefix/share/doc|" "$here/ringtgt.toml" >"$work/ringtgt.toml"
put 0644 "$work/ringtgt.service" "$units/ringtgt.service"
put 0644 "$here/sysusers.conf" "$lib/sysusers.d/ringtgt.conf"
put 0644 "$here/tmpfiles.conf" "$lib/tmpfiles.d/ringtgt.conf"
[ -e "$dest/etc/ringtgt/ringtgt.toml" ] || put 0640 "$work/ringtgt.toml" /etc/ringtgt/ringtgt.toml

"$binary" man "$work/man"
(cd "$root" && go tool -modfile=tools/package/nfpm/go.mod go-md2man -in docs/configuration.md -out "$work/configuration.roff")
{
	printf '.TH "RINGTGT.TOML" 5 "" "ringtgt" "ringtgt"\n.SH NAME\nringtgt.toml \\- configuration of ringtgt\n.SH DESCRIPTION\n'
	grep -v '^\.TH ' "$work/configuration.roff"
} >"$work/man/ringtgt.toml.5"
for page in "$work"/man/*; do
	gzip -9n "$page"
	put 0644 "$page.gz" "$prefix/share/man/man${page##*.}/$(basename "$page").gz"
done
for shell in bash zsh fish; do "$binary" completion $shell >"$work/$shell"; done
put 0644 "$work/bash" "$prefix/share/bash-completion/completions/ringtgt"
put 0644 "$work/zsh" "$zsh/_ringtgt"
put 0644 "$work/fish" "$prefix/share/fish/vendor_completions.d/ringtgt.fish"

doc=$prefix/share/doc/ringtgt
for f in README.md CHANGELOG.md SECURITY.md; do put 0644 "$root/$f" "$doc/$f"; done
put 0644 "$root/LICENSE" "$doc/copyright"
for f in "$root"/docs/*.md; do put 0644 "$f" "$doc/docs/$(basename "$f")"; done
for f in "$root"/docs/grafana/*; do put 0644 "$f" "$doc/grafana/$(basename "$f")"; done
put 0644 "$root/docs/ringtgt.toml" "$doc/examples/ringtgt.toml"
