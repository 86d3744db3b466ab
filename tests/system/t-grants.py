#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Stock Linux grants pages to itself, maps and copies them: the drivers gntalloc
and gntdev on 2 vCPUs, and every grant ends."""
import os
import re
import subprocess

from vmrun import RUN, VM, Tap, require_images

HERE = os.path.dirname(os.path.abspath(__file__))
MODULES = ["xen-gntdev", "xen-gntalloc"]


def build():
    """The initramfs with the program and the two drivers."""
    program = os.path.join(RUN, "grants")
    initrd = os.path.join(RUN, "initrd-grants.gz")
    subprocess.run([os.environ.get("CC", "gcc"), "-O2", "-static", "-Wall",
                    "-o", program, os.path.join(HERE, "grants.c")], check=True)
    args = ["-o", initrd, "-f", program, "-k", os.path.join(RUN, "modules")]
    for module in MODULES:
        args += ["-m", module]
    subprocess.run([os.path.join(HERE, "mkinitramfs.sh")] + args, check=True)
    return initrd


def grants(tap, initrd):
    with VM("grants", smp=2, initrd=initrd) as vm:
        vm.expect_marker(120)
        vm.shell()
        _, lines = vm.run("dmesg | grep 'Grant tables using version'")
        tap.ok(len(lines) == 1 and "version 1" in lines[0], "version 1 tables",
               "\n".join(lines))
        code, lines = vm.run(f"modprobe {MODULES[0]} && modprobe {MODULES[1]}")
        tap.equal(code, 0, "the drivers load")
        code, lines = vm.run("grants 20", 120)
        for line in lines:
            tap.note(line)
        tap.equal(code, 0, "all bytes where they belong")
        _, lines = vm.run("dmesg -r | grep -E '^<[0-4]>'; true")
        bad = [l for l in lines if re.search(r"BUG|WARN|Oops|grant|gnt", l)]
        tap.ok(not bad, "dmesg is clean", "\n".join(bad))
        vm.send_line("poweroff -f")
        tap.equal(vm.wait_exit(30), 0, "powers off afterwards")


def main():
    tap = require_images(Tap())
    if not os.path.isdir(os.path.join(RUN, "modules")):
        tap.skip("grants", "the kernel's modules are not there")
    else:
        tap.attempt("grants", grants, tap, build())
    tap.done()


if __name__ == "__main__":
    main()
