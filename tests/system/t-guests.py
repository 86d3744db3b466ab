#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Stock Debian kernels as guests beside the control domain, started as boot
modules, on one console: typed as a person would. One powers off, one panics,
two never start because of mistakes; the control domain goes on, and all memory
comes back.

GUESTS_AUDIT=FILE runs the same on that hypervisor, built with CONFIG_AUDIT."""
import os
import re

from vmrun import RUN, VM, Tap, require_images

KERNEL = os.path.join(RUN, "vmlinux")
INITRD = os.path.join(RUN, "initrd.gz")
NEXT = "\x01\x01\x01"
WELCOME = "Leave the emulator"
QUIET = "console=hvc0 quiet"


def guest(words, kernel=KERNEL, initrd=True):
    line = f"{kernel} guest {words} -- {QUIET}"
    return [line, INITRD] if initrd else [line]


def keyboard_to(vm, number):
    """Press Ctrl-a three times, as often as it takes; a prompt must come."""
    for _ in range(4):
        vm.send(NEXT)
        match = vm.expect(r"console: input to domain (\d)", 10)
        if match.group(1) == str(number):
            break
    prefix = rf"\(d{number}\) " if number else ""
    vm.send("\n")
    # Without a newline behind it.
    vm.expect(rf"^{prefix}# (\x1b\[6n|\?\[6n)?", 20)


def type_line(vm, number, text, answer):
    prefix = rf"\(d{number}\) " if number else ""
    vm.send(text + "\n")
    vm.expect(rf"^{prefix}{answer}", 20)


def mib_back(vm, number):
    match = vm.expect(rf"domain {number}: destroyed, (\d+) KiB of memory are back", 30)
    return int(match.group(1)) >> 10


def mistakes(tap, vm):
    for number, pattern in (
            (3, r"16 MiB of memory \(mem\) is too little"),
            (4, r"module \d+: .*ELF"),
            (5, r"a value cannot be used; it is left out")):
        found = re.search(rf"^\(VL\) guest {number}: .*{pattern}.*", vm.text, re.M)
        tap.ok(found, f"guest {number}: {found.group(0) if found else pattern}", vm.tail(40))
    tap.ok("option nosuch=1: not known" in vm.text, "an unknown key is named")


def both_shells(tap, vm):
    while not all(re.search(rf"^{who}{WELCOME}", vm.text, re.M)
                  for who in ("", r"\(d1\) ", r"\(d2\) ")):
        vm.expect(WELCOME, 150)
    tap.ok(True, f"three shells after {vm.elapsed():.1f} s")
    keyboard_to(vm, 1)
    type_line(vm, 1, "echo one-$((20 + 1)) $(cat /sys/hypervisor/type)", "one-21 xen")
    type_line(vm, 1, "grep -c proc /proc/cpuinfo", "1")
    keyboard_to(vm, 2)
    type_line(vm, 2, "echo two-$((40 + 2))", "two-42")
    type_line(vm, 2, "nproc", "2")
    keyboard_to(vm, 0)
    type_line(vm, 0, "echo zero-$((60 + 3))", "zero-63")
    tap.ok(True, "a command in each of them")


def ends(tap, vm, audited):
    keyboard_to(vm, 1)
    vm.send("poweroff -f\n")
    vm.expect(r"domain 1: shut down \(power off\)", 30)
    tap.equal(mib_back(vm, 1), 160, "power-off: the memory of guest 1 is back")
    # From the dead guest to the next.
    keyboard_to(vm, 2)
    vm.send("echo c > /proc/sysrq-trigger\n")
    vm.expect(r"^\(d2\) .*Kernel panic - not syncing: sysrq triggered crash", 30)
    vm.expect(r"domain 2: shut down \(crash\)", 30)
    tap.equal(mib_back(vm, 2), 192, "panic: the memory of guest 2 is back")
    keyboard_to(vm, 0)
    type_line(vm, 0, "echo alive-$((70 + 7))", "alive-77")
    tap.ok(True, "the control domain goes on")
    # Not "poweroff -f": that goes by ACPI, and is no shutdown to audit.
    vm.send("reboot -f\n")
    tap.equal(vm.wait_exit(60), 0, "and restarts the machine")
    tap.ok("PANIC" not in vm.text and (not audited or "audit: no difference" in vm.text),
           "the audit is clean" if audited else "no panic", vm.tail(30))


def run(tap, label, hv):
    text = os.path.join(RUN, "guest-text")
    with open(text, "w", encoding="ascii") as file:
        file.write("no kernel\n" * 500)
    modules = [*guest("mem=160M weight=512 nosuch=1"), *guest("mem=192M vcpus=2 cpus=0-1"),
               *guest("mem=16M"), *guest("", kernel=text, initrd=False),
               *guest("vcpus=many", kernel=text, initrd=False)]
    with VM(label, hv=hv, kargs="quiet", dom0_mem="512M", modules=modules) as vm:
        tap.attempt("shells", both_shells, tap, vm)
        mistakes(tap, vm)
        tap.attempt("ends", ends, tap, vm, hv != "")


def main():
    tap = require_images(Tap())
    run(tap, "guests", "")
    audit = os.environ.get("GUESTS_AUDIT")
    if audit:
        run(tap, "guests-audit", audit)
    else:
        tap.skip("guests, audited", "GUESTS_AUDIT=FILE names a hypervisor with CONFIG_AUDIT")
    tap.done()


if __name__ == "__main__":
    main()
