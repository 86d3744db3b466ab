#!/bin/bash
# SPDX-License-Identifier: MIT
#
# "make iso": one image that boots what "make run" boots, from CD or disk, by
# BIOS or UEFI. usage: mkiso.sh FILE; HVARGS= and KARGS= are added to the
# command lines of hypervisor and kernel, GRUBCMD= to the menu, for tests.
set -euo pipefail
O=${O:-build}
hvargs="com1=115200,8n1 console=com1 dom0_mem=1024M${HVARGS:+ $HVARGS}"
kargs="console=hvc0${KARGS:+ $KARGS}"
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
mkdir -p "$stage/boot/grub"
cp "$O/vellum.elf" "$stage/boot/vellum.elf"
cp "$O/run/initrd.gz" "$stage/boot/initrd.gz"
# GRUB unpacks gzip as it reads: a fifth to fetch from a slow medium.
gzip -1n < "$O/run/vmlinux" > "$stage/boot/vmlinux.gz"

entry() { # entry TITLE OPTIONS
	cat <<-END
	menuentry "$1" {
		multiboot2 /boot/vellum.elf $hvargs $2
		module2 /boot/vmlinux.gz $kargs
		module2 --nounzip /boot/initrd.gz
	}
	END
}
{
	cat <<-END
	insmod all_video
	insmod gzio
	serial --unit=0 --speed=115200
	terminal_input serial console
	terminal_output serial console
	set timeout=2
	${GRUBCMD:-}
	END
	entry "Vellum and a Debian control domain" loglvl=info
	entry "The same, all messages, stops after a crash" "loglvl=all noreboot"
} > "$stage/boot/grub/grub.cfg"
grub-mkrescue -o "$1.tmp" "$stage" --locales= --fonts= --themes= 2> "$stage.log" || {
	cat "$stage.log" >&2
	rm -f "$stage.log" "$1.tmp"
	exit 1
}
rm -f "$stage.log"
mv "$1.tmp" "$1"
