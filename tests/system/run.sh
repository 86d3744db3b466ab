#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Vellum and a Debian control domain under QEMU, on this terminal. What boots:
#   DEMO=1      "make run": a whole Debian with Vellum's toolstack, which creates
#               guests from disks of their own as it starts (demo.sh)
#   DEBIAN=SET  "make debian": a whole Debian of mkroot.sh, without toolstack;
#               the disk, $O/run/debian.img, keeps what is done to it
#   neither     "make run QUICK=1": a shell in an initramfs; VLSCRIPT= is run
#               before it
# MEM= SMP= size the machine, HVARGS= and KARGS= are added to the command lines
# of hypervisor and kernel.
set -eu
O=${O:-build} loglvl=info
[ -z "${DEMO:-}" ] || loglvl=warning
hvargs="com1=115200,8n1 console=com1 dom0_mem=1024M loglvl=$loglvl ${HVARGS:-}"
kernel=$O/run/vmlinux initrd=$O/run/initrd.gz root='' machine=(-net none)
card=(-nic "user,model=virtio-net-pci")
if [ -n "${DEMO:-}" ]; then
	demo=$O/run/demo kernel=$O/run/demo/vmlinux initrd=$O/run/demo/initrd.img root='root=/dev/vda ro quiet'
	machine=("${card[@]}")
	for disk in "$demo/control.img" "$demo"/guest*.img; do
		machine+=(-drive "file=$disk,if=virtio,format=raw")
	done
	echo "Log in as root, without a password; 'poweroff' ends the guests and the machine."
elif [ -n "${DEBIAN:-}" ]; then
	cache=$O/cache/debian-$DEBIAN disk=$O/run/debian.img
	kernel=$O/run/debian-vmlinux initrd=$cache/initrd.img root='root=/dev/vda ro'
	"$O/bin/vl-unpack" "$cache/vmlinuz" "$kernel"
	[ "$disk" -nt "$cache/root.img" ] || cp --sparse=always "$cache/root.img" "$disk"
	machine=(-drive "file=$disk,if=virtio,format=raw" "${card[@]}")
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
