#!/bin/bash
# SPDX-License-Identifier: MIT
#
# "make run": Vellum and a Debian control domain under QEMU, with a shell on
# the serial line. MEM= SMP= size the machine, HVARGS= and KARGS= are added to
# the command lines of hypervisor and kernel, VLSCRIPT= is run before the shell.
# "make debian" is DEBIAN=SET of mkroot.sh: a whole Debian on a disk with a
# network card. The disk, $O/run/debian.img, keeps what is done to it.
set -eu
O=${O:-build}
hvargs="com1=115200,8n1 console=com1 dom0_mem=1024M loglvl=info ${HVARGS:-}"
kernel=$O/run/vmlinux initrd=$O/run/initrd.gz root='' machine=(-net none)
if [ -n "${DEBIAN:-}" ]; then
	cache=$O/cache/debian-$DEBIAN disk=$O/run/debian.img
	kernel=$O/run/debian-vmlinux initrd=$cache/initrd.img root='root=/dev/vda ro'
	"$O/bin/vl-unpack" "$cache/vmlinuz" "$kernel"
	[ "$disk" -nt "$cache/root.img" ] || cp --sparse=always "$cache/root.img" "$disk"
	machine=(-drive "file=$disk,if=virtio,format=raw"
		-nic "user,model=virtio-net-pci")
	echo "Log in as root, without a password; 'poweroff' ends the machine."
fi
kargs="console=hvc0 $root ${VLSCRIPT:+vlscript=$VLSCRIPT} ${KARGS:-}"
case $kargs in
*,*)
	echo "KARGS may not contain a comma: QEMU ends the kernel's command line there." >&2
	exit 2
	;;
esac
[ -e "$O/vellum.elf" ] || { echo "$O/vellum.elf is not built: its sources are not there." >&2; exit 1; }
echo "Starting QEMU. Leave it with Ctrl-A x; Ctrl-A h shows its other keys."
# SMAP is off because QEMU faults on an iret in ring 3 with it.
exec qemu-system-x86_64 -accel tcg,thread=multi -cpu max,-smap \
	-smp "${SMP:-2}" -m "${MEM:-2G}" -nographic -no-reboot "${machine[@]}" \
	-kernel "$O/vellum.elf" -append "$hvargs" \
	-initrd "$kernel $kargs,$initrd"
