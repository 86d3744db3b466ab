#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Build the initramfs of the test control domain: Debian's static busybox, the
# init beside this script, and whatever else is asked for.
#   -o FILE        where to write it (gzip'd cpio)
#   -i FILE        another /init
#   -f SRC[:DST]   add a file or a directory tree; DST defaults to /bin/NAME
#   -l PROGRAM     add a dynamically linked program with its libraries, to /bin
#   -m MODULE      add a kernel module with all it depends on (modprobe loads
#                  it); needs -k
#   -k DIR         the lib/modules/VERSION directory to take modules from
# The same input gives the same bytes. Needs no root.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out='' init=$here/init moddir='' files=() programs=() modules=()
PATH=$PATH:/usr/sbin:/sbin
while getopts o:i:f:l:m:k: option; do
	case $option in
	o) out=$OPTARG ;;
	i) init=$OPTARG ;;
	f) files+=("$OPTARG") ;;
	l) programs+=("$OPTARG") ;;
	m) modules+=("$OPTARG") ;;
	k) moddir=$(cd "$OPTARG" && pwd -P) ;;
	*) sed -n '3,15s/^# \?//p' "$0" >&2; exit 2 ;;
	esac
done
[ -n "$out" ] || { echo "mkinitramfs.sh: -o FILE is missing" >&2; exit 2; }
busybox=$(command -v busybox) || { echo "mkinitramfs.sh: Debian package busybox-static is missing: run 'make deps' as root" >&2; exit 1; }
if ldd "$busybox" >/dev/null 2>&1; then
	echo "mkinitramfs.sh: $busybox is not static: install busybox-static (make deps)" >&2
	exit 1
fi

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
mkdir -p "$stage"/{bin,sbin,usr/bin,usr/sbin,etc,proc,sys,dev,run,tmp,root,mnt}
cp "$busybox" "$stage/bin/busybox"
for applet in $("$busybox" --list); do
	[ "$applet" = busybox ] || ln -s busybox "$stage/bin/$applet"
done
ln -s ../bin/busybox "$stage/sbin/modprobe"
install -m 755 "$init" "$stage/init"
echo 'root:x:0:0:root:/root:/bin/sh' > "$stage/etc/passwd"

for file in ${files[@]+"${files[@]}"}; do
	src=${file%%:*} dst=/bin/$(basename "${file%%:*}")
	[ "$src" = "$file" ] || dst=${file#*:}
	mkdir -p "$stage/$(dirname "$dst")"
	rm -rf "${stage:?}/$dst"
	cp -rL "$src" "$stage/$dst"
done
for program in ${programs[@]+"${programs[@]}"}; do
	rm -f "$stage/bin/$(basename "$program")"
	cp -L "$program" "$stage/bin/"
	for lib in $(ldd "$program" | grep -o '/[^ )]*'); do
		mkdir -p "$stage/$(dirname "$lib")"
		cp -L "$lib" "$stage/$lib"
	done
done
if [ ${#modules[@]} -gt 0 ]; then
	[ -n "$moddir" ] || { echo "mkinitramfs.sh: -m needs -k DIR" >&2; exit 2; }
	version=$(basename "$moddir")
	# modules.dep may not be there (a package that was only unpacked).
	index=$(mktemp -d)
	mkdir -p "$index/lib/modules" "$stage/lib/modules/$version"
	ln -s "$moddir" "$index/lib/modules/$version"
	[ -e "$moddir/modules.dep" ] || depmod -b "$index" "$version"
	for module in "${modules[@]}"; do
		modprobe -d "$index" -S "$version" --show-depends "$module" |
			awk '$1 == "insmod" { print $2 }'
	done | sort -u | while read -r path; do
		relative=${path#*/lib/modules/"$version"/}
		mkdir -p "$stage/lib/modules/$version/$(dirname "$relative")"
		cp "$path" "$stage/lib/modules/$version/$relative"
	done
	rm -rf "$index"
	cp "$moddir"/modules.{order,builtin,builtin.modinfo} "$stage/lib/modules/$version/" 2>/dev/null || true
	depmod -b "$stage" "$version"
fi

find "$stage" -exec touch -h -d @0 {} +
mkdir -p "$(dirname "$out")"
(cd "$stage" && find . -mindepth 1 | LC_ALL=C sort |
	cpio --quiet --reproducible -R 0:0 -o -H newc) | gzip -9n > "$out.tmp"
mv "$out.tmp" "$out"
