#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Build the disk of a whole Debian: mkroot.sh SET. systemd to the login prompt,
# root without a password, and the distribution's kernel with the initrd that the
# system made for itself. The sets:
#   small  a control domain with what Vellum's toolstack needs, but not itself
#   full   the same with a compiler and a source tree with the checksums of what
#          its build gives on the host's processor
#   guest  a small system without a kernel, for a guest's disk
# Results in $O/cache/debian-SET: root.img (ext4, no partitions), vmlinuz and
# initrd.img as they are in its /boot. Nothing is built again while the set's
# list of packages and this script stay as they are; RENEW=1 forces it.
#
# mmdebstrap takes mirror, keys and proxy from this machine's apt, so the names
# of hosts stand there alone, and security updates come with the first install.
# It needs root, or user namespaces (package uidmap) and fakeroot. Exit code 77:
# a tool is missing or no mirror can be reached; 1: the building went wrong.
set -euo pipefail
self=$(realpath "$0")

# What a person has on a machine like this, and what the tests use.
base="systemd systemd-sysv udev kmod dbus login passwd util-linux procps iproute2"
control="$base e2fsprogs ca-certificates initramfs-tools zstd linux-image-amd64"
small="$control stress-ng dnsmasq-base nftables iputils-ping netcat-openbsd less nano xenstore-utils libjansson4
	libxml2 libevent-core-2.1-7 liblzma5 libzstd1 liblz4-1 zlib1g"
full="$small gcc make libc6-dev"
guest="$base iputils-ping netcat-openbsd"

# ---- Inside mmdebstrap, the packages are installed: $2 is the new root ------

customize() {
	local root=$1 set=$2
	chroot "$root" passwd -q -d root
	local name=ctl card='en*'
	if [ "$set" = guest ]; then
		name=guest card='e*'
		echo '/dev/xvda / ext4 errors=remount-ro 0 1' > "$root/etc/fstab"
	fi
	echo $name > "$root/etc/hostname"
	printf '127.0.0.1\tlocalhost %s\n' $name > "$root/etc/hosts"
	# QEMU's own network, or the bridge of guests, hands out an address.
	printf '[Match]\nName=%s\n[Network]\nDHCP=ipv4\n[DHCPv4]\nUseDNS=no\n' "$card" \
		> "$root/etc/systemd/network/50-dhcp.network"
	chroot "$root" systemctl -q enable systemd-networkd
	# Both wait or work in the background: the first for a card that may not be
	# there, the others hold apt's lock when a test wants it.
	chroot "$root" systemctl -q mask systemd-networkd-wait-online.service \
		apt-daily.timer apt-daily-upgrade.timer
	[ "$set" != full ] || source_tree "$root"
}

# zlib: small, with a test suite, and its build gives the same bytes each time.
source_tree() {
	local root=$1 build='./configure --static >/dev/null && make -s'
	local apt=(apt-get -q -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts=/root/src
		-o APT::Sandbox::User=root)
	mkdir "$root/root/src"
	cp "$root"/etc/apt/sources.list "$root"/etc/apt/sources.list.d/* "$root/root/src" 2>/dev/null || true
	sed -i 's/^Types:.*/Types: deb-src/; s/^deb\>/deb-src/' "$root"/root/src/*
	chroot "$root" "${apt[@]}" update
	chroot "$root" sh -c 'cd /root && exec "$@"' sh "${apt[@]}" source --download-only zlib
	mkdir "$root/root/zlib"
	tar -x -C "$root/root/zlib" --strip-components=1 --no-same-owner -f "$root"/root/zlib_*.orig.tar.*
	rm -rf "$root"/root/zlib_* "$root/root/src"
	chroot "$root" sh -ec "cd /root/zlib; $build; make -s test; sha256sum *.o libz.a minigzip example > ../zlib.sums
		make -s distclean"
}

# Before the kernel is installed. Guests start with the control domain's kernel and
# initrd: what their disks and networks need is in it.
prepare() {
	echo '/dev/vda / ext4 errors=remount-ro 0 1' > "$1/etc/fstab"
	mkdir -p "$1/usr/share/initramfs-tools/modules.d"
	printf 'xen-blkfront\nxen-netfront\next4\n' > "$1/usr/share/initramfs-tools/modules.d/guests"
}

if [ "${1:-}" = --prepare ]; then
	prepare "$2"
	exit
fi
if [ "${1:-}" = --customize ]; then
	customize "$2" "$3"
	exit
fi

# ---- Outside ----------------------------------------------------------------

set=${1:-small}
case $set in
small | full | guest) ;;
*) sed -n '4,17s/^# \?//p' "$0" >&2; exit 2 ;;
esac
dir=${O:-build}/cache/debian-$set
key=$(sha256sum < "$self")
if [ -z "${RENEW:-}" ] && [ "$key" = "$(cat "$dir/key" 2>/dev/null)" ]; then
	exit 0
fi
for tool in mmdebstrap mke2fs; do
	PATH=$PATH:/usr/sbin:/sbin command -v $tool >/dev/null || {
		echo "mkroot.sh: $tool is missing: run 'make deps' as root" >&2
		exit 77
	}
done
fakeroot=()
[ "$(id -u)" = 0 ] || fakeroot=(fakeroot)

tmp=$dir.tmp
rm -rf "$tmp"
mkdir -p "$tmp"
trap 'rm -rf "$tmp"' EXIT
echo "Building a Debian root ($set); this takes a minute or three ..." >&2
mapfile -t sources < <(find /etc/apt/sources.list /etc/apt/sources.list.d -name '*.list' -o -name '*.sources' 2>/dev/null)
# shellcheck disable=SC1091  # the machine's own file
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
bootstrap=(mmdebstrap --quiet --variant=minbase --aptopt='Acquire::Languages "none"')
# shellcheck disable=SC2086,SC2116  # one line of names
"${bootstrap[@]}" --include="$(echo ${!set})" \
	--dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
	--dpkgopt='path-exclude=/usr/share/doc/*' \
	--essential-hook="'$self' --prepare \"\$1\"" \
	--customize-hook="'$self' --customize \"\$1\" $set" \
	"$suite" "$tmp/root.tar" "${sources[@]}" >&2 || {
	"${bootstrap[@]}" --simulate "$suite" /dev/null "${sources[@]}" >/dev/null 2>&1 || exit 77
	exit 1
}
size=2G
if [ $set = guest ]; then size=600M; else
	tar -x -C "$tmp" --strip-components=2 --wildcards -f "$tmp/root.tar" './boot/vmlinuz-*' './boot/initrd.img-*'
	mv "$tmp"/vmlinuz-* "$tmp/vmlinuz"
	mv "$tmp"/initrd.img-* "$tmp/initrd.img"
fi
# Owners and devices are kept by running both as one (perhaps pretended) root.
"${fakeroot[@]}" sh -ec 'mkdir "$1/root" && tar -x -p -C "$1/root" -f "$1/root.tar" && rm "$1/root.tar"
	PATH=$PATH:/usr/sbin:/sbin mke2fs -q -t ext4 -m 0 -L debian -d "$1/root" "$1/root.img" "$2"' sh "$tmp" $size >&2
rm -rf "$tmp/root"
echo "$key" > "$tmp/key"
rm -rf "$dir"
mv "$tmp" "$dir"
