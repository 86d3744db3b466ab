#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A control domain under load: nothing wrong, nothing in dmesg, time as outside.

SOAK_TIME=SECONDS for each machine (default 25); SOAK_SMP="1 4/2" chooses the
numbers of vCPUs, and of CPUs if there are fewer. Beside soak.c run the tools a person would: top, date, sleep.
"""
import os
import re
import subprocess
import time

from vmrun import O, RUN, VM, Tap, require_images

SECONDS = int(os.environ.get("SOAK_TIME", "25"))
SMP = os.environ.get("SOAK_SMP", "2 4 4/2").split()
HERE = os.path.dirname(os.path.abspath(__file__))
DRIFT_MAX = 0.001
UPTIME_ERROR = 0.03  # s: the clock's step and the console's delay


def build():
    """The initramfs with the load program."""
    program = os.path.join(RUN, "soak")
    initrd = os.path.join(RUN, "initrd-soak.gz")
    subprocess.run([os.environ.get("CC", "gcc"), "-O2", "-static", "-pthread",
                    "-o", program, os.path.join(HERE, "soak.c")], check=True)
    subprocess.run([os.path.join(HERE, "mkinitramfs.sh"), "-o", initrd,
                    "-f", program], check=True)
    return initrd


def guest_clock(vm):
    """Best of some readings: guest uptime and the host's time at that moment."""
    best = None
    for _ in range(15):
        before = time.monotonic()
        _, lines = vm.run("cat /proc/uptime")
        after = time.monotonic()
        if best is None or after - before < best[2]:
            best = (float(lines[0].split()[0]), (before + after) / 2,
                    after - before)
    return best


def soak(tap, smp, initrd):
    vcpus, _, cpus = smp.partition("/")
    name = f"{vcpus} vCPUs on {cpus or vcpus} CPUs, {SECONDS} s"
    with VM(f"soak-{vcpus}-{cpus}", smp=int(cpus or vcpus), initrd=initrd,
            hvargs=f"dom0_max_vcpus={vcpus}") as vm:
        vm.expect_marker(120)
        vm.shell()
        start = guest_clock(vm)
        vm.run(f"(n=0; while [ $n -lt {SECONDS // 2} ]; do top -b -n 1; date; "
               "sleep 1; n=$((n+1)); done) >/dev/null 2>&1 </dev/null & true")
        code, lines = vm.run(f"soak {SECONDS}", SECONDS * 2 + 60)
        for line in lines:
            tap.note(line)
        tap.equal(code, 0, f"{name}: every result was right")
        vm.run("wait", SECONDS + 60)
        end = guest_clock(vm)
        guest, host = end[0] - start[0], end[1] - start[1]
        error = abs(guest - host)
        tap.note(f"guest {guest:.3f} s, host {host:.3f} s, readings within "
                 f"{max(start[2], end[2]) * 1000:.1f} ms")
        tap.ok(error <= host * DRIFT_MAX + UPTIME_ERROR,
               f"{name}: time does not drift", f"{error:.3f} s")
        _, lines = vm.run("dmesg -r | grep -E '^<[0-4]>'; true")
        bad = [l for l in lines
               if re.search(r"BUG|WARN|Oops|stall|lockup|hung|traps:|unstable",
                            l)]
        tap.ok(not bad, f"{name}: dmesg is clean", "\n".join(bad))
        vm.send_line("poweroff -f")
        tap.equal(vm.wait_exit(30), 0, f"{name}: powers off afterwards")


def main():
    tap = require_images(Tap())
    initrd = build()
    for smp in SMP:
        tap.attempt(f"{smp} vCPUs", soak, tap, smp, initrd)
    tap.done()


if __name__ == "__main__":
    main()
