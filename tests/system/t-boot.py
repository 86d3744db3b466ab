#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A stock Debian kernel reaches user space as control domain, on 1, 2 and 4
CPUs, sees that it runs on the published PV interface, and can power the
machine off."""
from vmrun import VM, Tap, require_images


def boot(tap, cpus):
    name = f"{cpus} CPUs"
    with VM(f"boot-{cpus}", smp=cpus) as vm:
        seconds = vm.expect_marker(90)
        tap.ok(True, f"{name}: user space")
        tap.note(f"{name}: {seconds:.2f} s from QEMU's start")
        vm.shell()
        _, lines = vm.run("cat /sys/hypervisor/type")
        tap.equal(lines, ["xen"], f"{name}: /sys/hypervisor/type")
        _, lines = vm.run("cd /sys/hypervisor/version; cat major minor extra")
        tap.ok(len(lines) == 3 and lines[0] == "4",
               f"{name}: /sys/hypervisor/version", lines)
        tap.note(f"version {' '.join(lines)}")
        code, _ = vm.run(
            "dmesg | grep -Eq 'Booting (paravirtualized )?kernel on Xen'")
        tap.equal(code, 0, f"{name}: the kernel booted on Xen PV")
        _, lines = vm.run("grep -c ^processor /proc/cpuinfo")
        tap.equal(lines, [str(cpus)], f"{name}: CPUs on line")
        _, lines = vm.run(
            "dmesg -r | grep -E '^<[0-3]>|WARNING:|BUG:|Call Trace'")
        tap.note(f"{name}: {len(lines)} error lines in dmesg")
        for line in lines:
            tap.note("  " + line)
        tap.ok(not [l for l in lines if "WARNING:" in l or "BUG:" in l
                    or "Call Trace" in l],
               f"{name}: no kernel warning", "\n".join(lines))
        if cpus == 2:
            vm.send_line("poweroff -f")
            tap.equal(vm.wait_exit(30), 0, f"{name}: power off ends QEMU")


def main():
    tap = require_images(Tap())
    for cpus in (1, 2, 4):
        tap.attempt(f"{cpus} CPUs: boot", boot, tap, cpus)
    tap.done()


if __name__ == "__main__":
    main()
