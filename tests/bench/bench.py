#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Vellum beside the bare kernel and Debian's Xen: one run, one table, JSON.

The same Debian kernel, initramfs and QEMU line for all three. Measured are
  - what work costs inside the (control) domain with one CPU, in instructions
    (QEMU's instruction counting) and in wall time: rows.c and hv_rows.c;
  - instructions from reset to user space, and the wall time of it with two
    CPUs (rounds interleaved, median of -n);
  - the memory that the hypervisor keeps for itself, by size of the machine.
Vellum is the release build (CONFIG_DEBUG off), as Debian's Xen is. Beside each
row stands its goal and whether it is met. Nothing passes or fails by time; the
exit status is 1 only if a measurement is missing.
"""
import argparse
import gzip
import json
import os
import re
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../system"))
from vmrun import O, RUN, VM, Timeout  # noqa: E402  (path set above)

XEN = "/boot/xen-4.17-amd64.gz"
# QEMU's lazily switched SSE state leaks between domains: hence eager-fpu.
XEN_ARGS = "spec-ctrl=eager-fpu"
COUNTING = {"accel": "tcg,thread=single", "smp": 1,
            "qargs": ["-icount", "shift=0,sleep=off"]}
SYSTEMS = ("bare", "xen", "vellum")

# Row: name, goal as the part of Xen's excess over the bare kernel. For rows
# that need a hypervisor the excess is what goes beyond the null ioctl.
OS_ROWS = (("getpid", .5), ("clock_gettime", 0), ("fork_exit", .5),
           ("fork_exec", .5), ("pipe_switch", .5), ("yield_switch", .5),
           ("mmap_munmap", .5), ("touch", .5), ("mprotect_16", .3),
           ("signal", .5), ("segv_repair", .5))
HV_ROWS = (("xen_version", .5), ("no_hypercall", .5), ("notify", .5),
           ("event_round_trip", .5))
BOOT_GOAL, MEMORY_GOAL = .75, .65
NOISE = 1.02  # a row that equals its goal within this has met it


def build_programs(run):
    program, script = os.path.join(run, "rows"), os.path.join(run, "bench-rows")
    subprocess.run([os.environ.get("CC", "gcc"), "-O2", "-static", "-Wall",
                    "-Wextra", "-Wshadow", "-Werror", "-o", program,
                    os.path.join(HERE, "rows.c"),
                    os.path.join(HERE, "hv_rows.c")], check=True)
    with open(script, "w", encoding="utf-8") as out:
        out.write("#!/bin/sh\nmodprobe xen-privcmd\nmodprobe xen-evtchn\n"
                  'exec rows "$@"\n')
    os.chmod(script, 0o755)
    initrd = os.path.join(run, "initrd-bench.gz")
    subprocess.run([os.path.join(HERE, "../system/mkinitramfs.sh"), "-o", initrd,
                    "-f", program, "-f", script, "-k",
                    os.path.join(run, "modules"), "-m", "xen-privcmd",
                    "-m", "xen-evtchn"], check=True)
    return initrd


def machines(vellum):
    """Name and VM arguments of each system that is there."""
    result = {"bare": {"hv": None}}
    if os.path.exists(XEN):
        path = os.path.join(RUN, "xen-4.17")
        with gzip.open(XEN) as packed, open(path, "wb") as out:
            out.write(packed.read())
        result["xen"] = {"hv": path, "hvargs": XEN_ARGS}
    else:
        print("xen: left out, make deps DEPS=bench installs it")
    result["vellum"] = {"hv": vellum}
    return result


class Bench:
    def __init__(self, args, vellum):
        self.args = args
        self.systems = {name: machine
                        for name, machine in machines(vellum).items()
                        if name in args.systems.split(",")}
        self.initrd = build_programs(RUN)
        self.data = {}      # [kind][row][system] = value
        self.failures = []

    def put(self, kind, row, system, value):
        self.data.setdefault(kind, {}).setdefault(row, {})[system] = value

    def vm(self, name, system, **more):
        return VM(f"bench-{name}-{system}", initrd=self.initrd,
                  **{**self.systems[system], **more})

    def rows(self, kind, system, **machine):
        """Rows of one system; kind is "instructions" or "wall"."""
        line = f"quiet vlscript=/bin/bench-rows vlargs=-d:{self.args.divisor}"
        with self.vm(kind, system, kargs=line, **machine) as vm:
            try:
                vm.expect(r"ROWS done", self.args.timeout)
            except Timeout as error:
                self.failures.append(f"{kind} {system}: {error}".split("\n")[0])
            for name, *values in re.findall(
                    r"^ROW (\w+) ([\d.]+) ([\d.]+) ([\d.]+)", vm.text, re.M):
                self.put(kind, name, system, [float(v) for v in values])
            reset = re.search(r"^RESET (\d+)", vm.text, re.M)
            if reset and kind == "instructions":
                self.put("boot", "instructions", system, int(reset[1]))

    def boot(self):
        times = {name: [] for name in self.systems}
        for turn in range(self.args.n):
            for name in self.systems:
                with self.vm(f"boot-{turn}", name, kargs="quiet") as vm:
                    try:
                        times[name].append(vm.expect_marker(self.args.timeout))
                    except Timeout as error:
                        self.failures.append(
                            f"boot {name}: {error}".split("\n")[0])
        for name, values in times.items():
            if values:
                self.put("boot", "wall s", name,
                         [min(values), statistics.median(values), max(values)])

    def memory(self, size):
        for name in self.systems:
            if name == "bare":
                continue
            line = "quiet vlscript=/bin/bench-rows vlargs=-d:1000:ioctl"
            with self.vm(f"memory-{size}", name, mem=size, kargs=line) as vm:
                try:
                    vm.expect(r"ROWS done", self.args.timeout)
                except Timeout as error:
                    self.failures.append(
                        f"memory {name}: {error}".split("\n")[0])
                found = re.search(r"MEMORY all (\d+) free (\d+)", vm.text) or \
                    re.search(r"memory: (\d+) KiB of RAM.* (\d+) KiB of memory "
                              r"free", vm.text, re.S)
                if found:
                    kept = int(found[1]) - int(found[2]) - 1024 * 1024
                    self.put("memory", size, name, kept / 1024)
                else:
                    self.failures.append(f"memory {name}: no figure")


def middle(value):
    return value[1] if isinstance(value, list) else value


def verdict(value, goal):
    if value is None or goal is None:
        return ""
    return "met" if value <= goal * NOISE else "MISSED"


def number(value):
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 else f"{value:,.2f}"


def line(name, bare, xen, vellum, goal):
    print(f"{name:24}{number(bare):>14}{number(xen):>14}{number(vellum):>14}"
          f"{number(goal):>14}  {verdict(vellum, goal)}")
    return {"bare": bare, "xen": xen, "vellum": vellum, "goal": goal,
            "verdict": verdict(vellum, goal)}


def head(title):
    print(f"\n{title}")
    print(f"{'':24}" + "".join(f"{s:>14}" for s in (*SYSTEMS, "goal")))


def report(bench):
    out = {}
    for kind, title in (("instructions", "Instructions per operation (median of 5)"),
                        ("wall", "Nanoseconds per operation (median of 5)")):
        head(title)
        rows = bench.data.get(kind, {})
        for name, part in OS_ROWS:
            bare, xen, vellum = (middle(rows.get(name, {}).get(s))
                                 for s in SYSTEMS)
            goal = bare + part * (xen - bare) if kind == "instructions" and \
                None not in (bare, xen) else None
            out[f"{kind} {name}"] = line(name, bare, xen, vellum, goal)
        for name, part in HV_ROWS:
            xen, vellum = (
                middle(rows[name][s]) - middle(rows["ioctl"][s])
                if s in rows.get(name, {}) else None for s in SYSTEMS[1:])
            goal = part * xen if kind == "instructions" and xen else None
            out[f"{kind} {name}"] = line(name + " (net)", None, xen, vellum, goal)
    head("From reset to user space")
    rows = bench.data.get("boot", {})
    for name, label in (("instructions", "instructions, 1 CPU"),
                        ("wall s", "seconds, 2 CPUs")):
        values = [middle(rows.get(name, {}).get(s)) for s in SYSTEMS]
        goal = BOOT_GOAL * values[1] if name == "wall s" and values[1] else None
        out[f"boot {name}"] = line(label, *values, goal)
    head("Memory that the hypervisor keeps, MiB")
    for size, row in bench.data.get("memory", {}).items():
        xen, vellum = row.get("xen"), row.get("vellum")
        goal = MEMORY_GOAL * xen if xen else None
        out[f"memory {size}"] = line(f"machine of {size}", None, xen, vellum, goal)
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("-n", type=int, default=5, help="boots (default 5)")
    parser.add_argument("-d", "--divisor", type=int, default=1,
                        help="do that many times less in each row")
    parser.add_argument("--only", default="instructions,wall,boot,memory")
    parser.add_argument("--systems", default=",".join(SYSTEMS))
    parser.add_argument("--vellum", default=os.path.join(O, "vellum.elf"))
    parser.add_argument("--timeout", type=float, default=600)
    parser.add_argument("--json", help="write everything to this file")
    args = parser.parse_args()

    bench = Bench(args, args.vellum)
    only = args.only.split(",")
    for system in bench.systems:
        if "instructions" in only:
            bench.rows("instructions", system, **COUNTING)
        if "wall" in only:
            bench.rows("wall", system, smp=1)
    if "boot" in only:
        bench.boot()
    if "memory" in only:
        for size in ("2G", "12G"):
            bench.memory(size)
    table = report(bench)
    for failure in bench.failures:
        print(f"missing: {failure}", file=sys.stderr)
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump({"table": table, "measured": bench.data,
                       "failures": bench.failures}, file, indent=1)
            file.write("\n")
    return 1 if bench.failures else 0


if __name__ == "__main__":
    sys.exit(main())
