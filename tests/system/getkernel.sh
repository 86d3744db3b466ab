#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Find a stock Debian kernel and unpack it for the tests. Taken, in this order:
# KERNEL=FILE, an installed /boot/vmlinuz-*-amd64, or Debian's package, which is
# downloaded and unpacked into $O/cache but not installed. Results in $O/run:
# vmlinuz (the bzImage), vmlinux (its ELF) and modules (lib/modules/VERSION).
set -euo pipefail
O=${O:-build}
run=$O/run
cache=$O/cache
mkdir -p "$run" "$cache"

newest() { # newest DIR: the kernel with the highest version in DIR
	find "$1" -maxdepth 1 -name 'vmlinuz-*-amd64' ! -name '*-rt-*' ! -name '*-cloud-*' 2>/dev/null |
		sort -V | tail -n 1
}

download() {
	local package
	command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || {
		echo "No Debian kernel in /boot and no apt-get to fetch one: set KERNEL=FILE to a PV-capable bzImage." >&2
		exit 1
	}
	package=$(apt-cache depends linux-image-amd64 2>/dev/null | awk '/Depends: linux-image-[0-9]/ { print $2; exit }')
	if [ -z "$package" ]; then
		echo "apt knows no linux-image-amd64: run 'apt-get update' as root, or set KERNEL=FILE." >&2
		exit 1
	fi
	echo "Fetching Debian's kernel package $package ..." >&2
	(cd "$cache" && rm -f linux-image-*.deb && apt-get -q -o APT::Sandbox::User=root download "$package" >&2) || {
		echo "The download failed: check the network, run 'apt-get update' as root, or set KERNEL=FILE." >&2
		exit 1
	}
	rm -rf "$cache/kernel"
	dpkg-deb --fsys-tarfile "$cache"/linux-image-*.deb |
		(mkdir -p "$cache/kernel" && tar -x -C "$cache/kernel" ./boot ./lib)
	rm -f "$cache"/linux-image-*.deb
}

if [ -n "${KERNEL:-}" ]; then
	kernel=$KERNEL modules=/lib/modules/$(basename "$KERNEL" | sed 's/^vmlinuz-//')
else
	kernel=$(newest /boot)
	modules=/lib/modules/${kernel##*/vmlinuz-}
	if [ -z "$kernel" ]; then
		[ -n "$(newest "$cache/kernel/boot")" ] || download
		kernel=$(newest "$cache/kernel/boot")
		modules=$cache/kernel/lib/modules/${kernel##*/vmlinuz-}
	fi
fi
[ -r "$kernel" ] || { echo "Cannot read the kernel '$kernel'." >&2; exit 1; }
"$O/bin/vl-unpack" -v "$kernel" "$run/vmlinux"
ln -sfn "$(realpath "$kernel")" "$run/vmlinuz"
rm -f "$run/modules"
[ ! -d "$modules" ] || ln -sfn "$(realpath "$modules")" "$run/modules"
