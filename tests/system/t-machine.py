#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Machines of other sizes than the usual one: CPUs, memory, CPU types, ACPI.

Each boots the control domain to user space, which says what it was given.
"""
import re

from vmrun import VM, Tap, require_images


def number(vm, command):
    return int(vm.run(command)[1][0])


def cpus(tap, smp, dom0_vcpus=None, topology=""):
    hvargs = f"dom0_max_vcpus={dom0_vcpus}" if dom0_vcpus else ""
    want = dom0_vcpus or smp
    name = f"{smp} CPUs, {want} vCPUs"
    with VM(f"machine-smp{smp}-{want}", smp=f"{smp}{topology}",
            hvargs=hvargs) as vm:
        vm.expect(rf"\(VL\) {smp} of {smp} CPUs up", 30)
        vm.expect_marker(180)
        vm.shell()
        tap.equal(number(vm, "nproc"), want, name)


def memory(tap, mem, dom0_mem, at_least_mib):
    name = f"{mem} of memory, dom0_mem={dom0_mem}"
    with VM(f"machine-mem{mem}", mem=mem, dom0_mem=dom0_mem) as vm:
        vm.expect_marker(180)
        vm.shell()
        got = number(vm, "awk '/MemTotal/{print int($2/1024)}' /proc/meminfo")
        tap.note(f"{name}: MemTotal {got} MiB")
        tap.ok(got >= at_least_mib, name, f"MemTotal is {got} MiB")


def limited(tap):
    """maxcpus= leaves CPUs off; the control domain gets what is up."""
    with VM("machine-maxcpus", smp=4, hvargs="maxcpus=2") as vm:
        vm.expect(r"\(VL\) 2 of 4 CPUs up", 30)
        vm.expect_marker(120)
        vm.shell()
        tap.equal(number(vm, "nproc"), 2, "maxcpus=2 of 4")


def no_acpi(tap):
    """Without ACPI tables there is no timer: the machine stops and says so."""
    with VM("machine-noacpi", smp=2, qargs=["-machine", "acpi=off"],
            kargs="quiet") as vm:
        match = vm.expect(r"(?i)^\(VL\).*ACPI.*$", 30)
        tap.ok(True, f"no ACPI: {match.group(0)}")
        match = vm.expect(r"^\(VL\).*ACPI timer.*stops here", 30)
        tap.ok(True, f"no ACPI: {match.group(0)}")


def refused_cpu(tap, cpu, pattern):
    with VM("machine-" + re.sub(r"\W+", "-", cpu), cpu=cpu) as vm:
        match = vm.expect(pattern, 30)
        tap.ok(True, f"-cpu {cpu}: {match.group(0).strip()}")


def vulnerable(tap, cpu, names):
    """A CPU that needs what the core lacks is refused, unless overridden."""
    with VM(f"machine-{cpu}", cpu=f"{cpu},-smap") as vm:
        match = vm.expect(rf"^\(VL\).*against: {names}\b.*unsafe_cpu.*stops here", 30)
        tap.ok(True, f"{cpu}: {match.group(0)}")
    with VM(f"machine-{cpu}-unsafe", cpu=f"{cpu},-smap",
            hvargs="unsafe_cpu") as vm:
        vm.expect(rf"^\(VL\).*unsafe_cpu: .*against: {names}\n", 30)
        vm.expect_marker(120)
        tap.ok(True, f"{cpu}: unsafe_cpu overrides")


def smap(tap):
    """With SMAP the core comes up, and reports what the emulator does to Linux.

    This QEMU applies SMAP to an iret in ring 3, which Linux executes before
    its first message; the micro-guests execute none and do the real testing.
    """
    with VM("machine-smap", cpu="max") as vm:
        vm.expect(r"\(VL\) CPU features:.*smap", 30)
        vm.expect(r"\(VL\) start-up done", 60)
        vm.expect(r"\(VL\) domain 0 .*crashed on vCPU 0: .*exception 14", 60)
        vm.expect(r"\(VL\) last hypercalls", 10)
        tap.ok(True, "SMAP: the core starts, the crash report is complete")


def main():
    tap = require_images(Tap())
    for smp in (1, 8):
        tap.attempt(f"{smp} CPUs", cpus, tap, smp)
    tap.attempt("2 CPUs, 4 vCPUs", cpus, tap, 2, 4)
    tap.attempt("4 CPUs, 1 vCPU", cpus, tap, 4, 1)
    # Numbers of local APICs with gaps: 0-5, 8-13, 16-21.
    tap.attempt("18 CPUs, 16 vCPUs", cpus, tap, 18, 16,
                ",sockets=3,cores=3,threads=2")
    for mem, dom0_mem, least in (("256M", "160M", 30), ("4G", None, 3200),
                                 ("16G", None, 14000)):
        tap.attempt(mem, memory, tap, mem, dom0_mem, least)
    tap.attempt("maxcpus", limited, tap)
    tap.attempt("no ACPI", no_acpi, tap)
    tap.attempt("-nx", refused_cpu, tap, "max,-nx", r"(?i)^.*\bNX\b.*\n")
    tap.attempt("qemu32", refused_cpu, tap, "qemu32",
                r"(?i)^.*(64-bit|long mode).*\n")
    tap.attempt("Skylake", vulnerable, tap, "Skylake-Client",
                "MELTDOWN L1TF MDS SRBDS GDS SPECTRE_V2 RETBLEED")
    tap.attempt("Zen 2", vulnerable, tap, "EPYC-Rome",
                "SPECTRE_V2 RETBLEED SRSO ZENBLEED")
    tap.attempt("SMAP", smap, tap)
    tap.done()


if __name__ == "__main__":
    main()
