#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How the machine ends: power off by a script, reboot, a panic of the control
domain's kernel with and without "noreboot"."""
from vmrun import VM, Tap, require_images


def script_poweroff(tap):
    name = "vlscript runs and vlend=poweroff ends QEMU"
    with VM("power-script", kargs="vlscript=/bin/true vlend=poweroff") as vm:
        vm.expect(r"VELLUM-MARKER script 0", 90)
        tap.equal(vm.wait_exit(30), 0, name)


def reboot(tap):
    with VM("power-reboot") as vm:
        vm.expect_marker(90)
        vm.shell()
        vm.send_line("reboot -f")
        tap.equal(vm.wait_exit(30), 0, "reboot resets the machine")


def panic(tap):
    """panic=-1 makes Linux ask for a reboot; the machine must be reset."""
    with VM("power-panic", kargs="panic=-1") as vm:
        vm.expect_marker(90)
        vm.shell()
        vm.send_line("dmesg -n 8; echo c > /proc/sysrq-trigger")
        vm.expect(r"Kernel panic - not syncing: sysrq triggered crash", 30)
        tap.ok(True, "the panic message reaches the console")
        tap.equal(vm.wait_exit(60), 0, "a crashed control domain resets")


def noreboot(tap):
    """With noreboot the machine must stay, for the message to be read."""
    with VM("power-noreboot", hvargs="noreboot", kargs="panic=-1") as vm:
        vm.expect_marker(90)
        vm.shell()
        vm.send_line("echo c > /proc/sysrq-trigger")
        vm.expect(r"(?i)(domain 0|dom0|control domain).*(crash|shut)", 60)
        tap.equal(vm.wait_exit(10), None, "noreboot keeps the machine up")


def main():
    tap = require_images(Tap())
    for step in (script_poweroff, reboot, panic, noreboot):
        tap.attempt(step.__name__, step, tap)
    tap.done()


if __name__ == "__main__":
    main()
