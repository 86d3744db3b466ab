#!/bin/bash
# SPDX-License-Identifier: MIT
#
# "make run": Vellum and a Debian control domain under QEMU, with a shell on
# the serial line. MEM= SMP= size the machine, HVARGS= and KARGS= are added to
# the command lines of hypervisor and kernel, VLSCRIPT= is run before the shell.
set -eu
O=${O:-build}
hvargs="com1=115200,8n1 console=com1 dom0_mem=1024M loglvl=info ${HVARGS:-}"
kargs="console=hvc0 ${VLSCRIPT:+vlscript=$VLSCRIPT} ${KARGS:-}"
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
	-smp "${SMP:-2}" -m "${MEM:-2G}" -nographic -no-reboot -net none \
	-kernel "$O/vellum.elf" -append "$hvargs" \
	-initrd "$O/run/vmlinux $kargs,$O/run/initrd.gz"
