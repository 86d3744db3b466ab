#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The disks of "make run": demo.sh [-f] [DIR]. A Debian control domain with Vellum's
# toolstack in it, and a Debian for each of its guests, in DIR ($O/run/demo):
# control.img, NAME.img, vmlinux and initrd.img. They keep what is done to them;
# the toolstack in the control domain is always the one that was built last.
# -f: fresh copies of all disks. Exit codes of mkroot.sh. Needs no root.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
O=${O:-build}
fresh=
[ "${1:-}" != -f ] || { fresh=y; shift; }
demo=${1:-$O/run/demo}
PATH=$PATH:/usr/sbin:/sbin
"$here/mkroot.sh" small
"$here/mkroot.sh" guest
host=$O/cache/debian-small guest=$O/cache/debian-guest
[ -z "$fresh" ] || rm -rf "$demo"
mkdir -p "$demo"

copy() { # copy FROM TO: unless it is there, and younger
	[ "$2" -nt "$1" ] || cp --sparse=always "$1" "$2"
}
copy "$host/root.img" "$demo/control.img"
for config in "$here"/demo/*.cfg; do
	copy "$guest/root.img" "$demo/$(basename "$config" .cfg).img"
done
if [ ! "$demo/vmlinux" -nt "$host/vmlinuz" ]; then
	"$O/bin/vl-unpack" "$host/vmlinuz" "$demo/vmlinux"
fi
ln -sfn "$(realpath "$host/initrd.img")" "$demo/initrd.img"

# What make install gives, and what an administrator would do by hand: the
# guests' configurations, and the services enabled.
files=$demo/files
rm -rf "$files"
make -s O="$O" install DESTDIR="$files" PREFIX=/usr
rm -rf "$files/boot"
mkdir -p "$files/etc/vellum/auto" "$files/etc/profile.d" "$files/etc/systemd/system/multi-user.target.wants"
install -m 644 "$here"/demo/*.cfg "$files/etc/vellum/auto"
install -m 644 "$here/demo/profile.sh" "$files/etc/profile.d/vellum.sh"
install -m 644 "$here/demo/motd" "$files/etc/motd"

# Written without mounting: the disk belongs to an ordinary user.
commands() {
	find "$files" -mindepth 1 -type d -printf 'mkdir %P\n'
	find "$files" -type f -printf 'cd /%P\nrm /%P\nwrite %p %f\n' | sed '/^cd /s|/[^/]*$||'
	echo 'cd /'
	for unit in "$files"/usr/lib/systemd/system/v*[!@].service; do
		unit=$(basename "$unit")
		echo "symlink etc/systemd/system/multi-user.target.wants/$unit /usr/lib/systemd/system/$unit"
	done
}
commands > "$demo/commands"
e2fsck -p "$demo/control.img" > /dev/null || [ $? -le 1 ]
debugfs -w -f "$demo/commands" "$demo/control.img" > "$demo/log" 2>&1
