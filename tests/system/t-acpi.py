#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Broken ACPI tables: one clear line, and a sane default or a reasoned halt.

gdb stops the core at acpi_init(), breaks one table in the machine's memory, and
lets it go on. What firmware can get wrong: checksums, lengths, entries.
"""
import os
import shutil
import socket
import subprocess

from vmrun import O, VM, Tap, hypervisor, require_images

# Runs inside gdb; CASE is put in front of it.
SCRIPT = r"""
import gdb

def read(at, n):
    return bytes(gdb.selected_inferior().read_memory(at, n))

def write(at, data):
    gdb.selected_inferior().write_memory(at, data)

def number(at):
    return int.from_bytes(read(at, 4), "little")

def sum_again(table):
    write(table + 9, b"\0")
    write(table + 9, bytes([-sum(read(table, number(table + 4))) & 0xff]))

gdb.execute("maintenance packet Qqemu.PhyMemMode:1", to_string=True)
low = read(0xe0000, 0x20000)
rsdp = 0xe0000 + low.find(b"RSD PTR ")
rsdt = number(rsdp + 16)
tables = [number(at) for at in range(rsdt + 36, rsdt + number(rsdt + 4), 4)]
madt = [t for t in tables if read(t, 4) == b"APIC"][0]
fadt = [t for t in tables if read(t, 4) == b"FACP"][0]
if CASE == "RSDP checksum":
    write(rsdp + 8, bytes([read(rsdp + 8, 1)[0] ^ 0x55]))
elif CASE == "RSDT length":
    write(rsdt + 4, b"\xff\xff\xff\xff")
elif CASE == "RSDT too short":
    write(rsdt + 4, b"\x08\0\0\0")
elif CASE == "RSDT entry outside memory":
    write(rsdt + 36, b"\0\0\0\xfd" * 2)
    sum_again(rsdt)
elif CASE == "MADT checksum":
    write(madt + 9, bytes([read(madt + 9, 1)[0] ^ 0x55]))
elif CASE == "MADT length":
    write(madt + 4, b"\0\0\1\0")
elif CASE == "MADT entry of length 0":
    write(madt + 45, b"\0")
    sum_again(madt)
elif CASE == "MADT entry beyond the end":
    write(madt + 45, b"\xff")
    sum_again(madt)
elif CASE == "FADT too short":
    write(fadt + 4, b"\x28\0\0\0")
    sum_again(fadt)
gdb.execute("maintenance packet Qqemu.PhyMemMode:0", to_string=True)
gdb.execute("delete")
gdb.execute("detach")
"""

CASES = ("RSDP checksum", "RSDT length", "RSDT too short",
         "RSDT entry outside memory", "MADT checksum", "MADT length",
         "MADT entry of length 0", "MADT entry beyond the end",
         "FADT too short")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def broken(tap, case):
    port = free_port()
    script = os.path.join(O, "run", "acpi.py")
    with open(script, "w", encoding="utf-8") as file:
        file.write(f"CASE = {case!r}\n{SCRIPT}")
    with VM("acpi-" + case.replace(" ", "-"), kargs="quiet",
            qargs=["-gdb", f"tcp:127.0.0.1:{port}", "-S"]) as vm:
        done = subprocess.run(
            ["gdb", "-batch", "-nx", "-ex", f"target remote :{port}",
             "-ex", "hbreak acpi_init", "-ex", "continue",
             "-ex", f"source {script}", hypervisor()],
            capture_output=True, text=True, timeout=120, check=False)
        if done.returncode != 0 or "Error" in done.stderr:
            tap.ok(False, case, done.stdout + done.stderr)
            return
        match = vm.expect(r"^\(VL\) .*ACPI.*$", 30)
        tap.ok(True, f"{case}: {match.group(0)}")
        vm.seen -= len(match.group(0))  # it may be the last line, too
        vm.expect(r"VELLUM-MARKER userspace|\(VL\) .*stops here", 120)
        tap.ok(True, f"{case}: goes on, or stops with a reason")


def main():
    tap = require_images(Tap())
    if not shutil.which("gdb"):
        print("1..0 # SKIP gdb is not installed (make deps)")
        return
    for case in CASES:
        tap.attempt(case, broken, tap, case)
    tap.done()


if __name__ == "__main__":
    main()
