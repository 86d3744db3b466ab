#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What Linux promises to programs holds under Vellum as on the bare machine.

Runs syscheck/ (signals, ptrace, page tables, processes, clocks, segments, FPU)
on the bare kernel with 2 CPUs and under Vellum with 1 and 2. Each check must
pass; one that fails on the bare emulator as well, with the same words, is only
noted. SYSCHECK="NAME .." runs some checks alone, SYSCHECK_SMP="4" chooses the
numbers of vCPUs.
"""
import os
import re
import subprocess

from vmrun import O, RUN, VM, Tap, require_images

HERE = os.path.dirname(os.path.abspath(__file__))
SMP = [int(n) for n in os.environ.get("SYSCHECK_SMP", "1 2").split()]
ONLY = os.environ.get("SYSCHECK", "")
LIMIT = 300

# Where the results may differ from the bare machine's, and why.
DIFFERENT = {
    "system-ports": "set_iobitmap is refused, see docs/hypercalls.md",
    "system-forbid-tsc": "CR4.TSD cannot be chosen by a guest",
}


def build():
    """Compile the programs; those that could be, as a list."""
    out = os.path.join(RUN, "syscheck")
    source = os.path.join(HERE, "syscheck")
    compiler = os.environ.get("CC", "gcc")
    os.makedirs(out, exist_ok=True)
    sources = [os.path.join(source, name) for name in sorted(os.listdir(source))
               if name.endswith(".c") and name != "compat32.c"]
    subprocess.run([compiler, "-std=gnu11", "-O2", "-g", "-Wall", "-Wextra",
                    "-static", "-pthread", "-o", f"{out}/syscheck", *sources],
                   check=True)
    subprocess.run([compiler, "-m32", "-O1", "-g", "-Wall", "-Wextra",
                    "-nostdlib", "-static", "-ffreestanding", "-fno-pic",
                    "-no-pie", "-fno-stack-protector", "-o", f"{out}/compat32",
                    os.path.join(source, "compat32.c")], check=True)
    return [f"{out}/syscheck", f"{out}/compat32"]


def results(lines):
    """{check: (verdict, detail)} of the program's output."""
    found = {}
    for line in lines:
        match = re.match(r"(ok|FAIL|skip) ([\w-]+)(?:: (.*))?$", line)
        if match:
            found[match.group(2)] = (match.group(1), match.group(3) or "")
    return found


def run(tap, name, smp, initrd, **kwargs):
    """Boot and run the checks; None if that failed."""
    with VM(f"syscheck-{name}-{smp}", smp=smp, initrd=initrd, **kwargs) as vm:
        vm.expect_marker(120)
        vm.shell()
        # The old fixed page is looked at, and it need not be there by default.
        _, lines = vm.run(f"syscheck {ONLY}", LIMIT)
        tap.note(f"{name}, {smp} CPUs: {lines[-1] if lines else 'no output'}")
        _, messages = vm.run(
            "dmesg | grep -E 'BUG|WARNING|Oops|Call Trace| stall|lockup'; true")
        vm.send_line("poweroff -f")
        vm.wait_exit(30)
        return results(lines), messages


def judge(tap, smp, found, bare):
    where = f"{smp} vCPUs"
    for check, (verdict, detail) in found.items():
        name = f"{where}: {check}"
        if verdict == "ok":
            tap.ok(True, name)
        elif check in DIFFERENT:
            tap.skip(name, f"{DIFFERENT[check]} ({detail})")
        elif verdict == "skip":
            tap.skip(name, detail)
        elif bare.get(check) == (verdict, detail):
            tap.skip(name, f"the bare emulator fails, too: {detail}")
        else:
            tap.ok(False, name, f"{verdict} {detail}\n"
                   f"bare: {' '.join(bare.get(check, ('not run',)))}")
    missing = set(bare) - set(found)
    tap.ok(found and not missing, f"{where}: every check ran",
           " ".join(sorted(missing)))


def main():
    tap = require_images(Tap())
    initrd = os.path.join(RUN, "initrd-syscheck.gz")
    programs = build()
    subprocess.run([os.path.join(HERE, "mkinitramfs.sh"), "-o", initrd,
                    *[word for p in programs for word in ("-f", p)]],
                   check=True)
    bare = tap.attempt("bare machine", run, tap, "bare", 2, initrd, hv=None)
    if bare is None:
        tap.done()
    for smp in SMP:
        got = tap.attempt(f"{smp} vCPUs", run, tap, "vellum", smp, initrd)
        if got is None:
            continue
        judge(tap, smp, got[0], bare[0])
        tap.ok(not got[1], f"{smp} vCPUs: the kernel has no complaint",
               "\n".join(got[1]))
    tap.done()


if __name__ == "__main__":
    main()
