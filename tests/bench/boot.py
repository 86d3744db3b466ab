#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Boot time: seconds from QEMU's start to user space's first line.

The same Debian kernel, initramfs and QEMU line: on the bare machine (bzImage,
and the unpacked ELF by its PVH entry, which leaves decompression out as the
hypervisors' control domains do), on Debian's Xen and on Vellum. Rounds are
interleaved, so that a slow phase of the host falls on all of them; what is not
there is left out and said so. Prints a table, and JSON with --json.
"""
import argparse
import gzip
import json
import os
import statistics
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../system"))
from vmrun import O, RUN, VM, Timeout  # noqa: E402  (path set above)

XEN = "/boot/xen-4.17-amd64.gz"
# QEMU's lazily switched SSE state leaks between domains: hence eager-fpu.
XEN_ARGS = "spec-ctrl=eager-fpu"


def systems():
    """Name, VM arguments; None instead of arguments: why it is left out."""
    yield "bare", {"hv": None}, None
    yield "bare ELF", {"hv": None,
                       "kernel": os.path.join(RUN, "vmlinux")}, None
    if os.path.exists(XEN):
        path = os.path.join(RUN, "xen-4.17")
        with gzip.open(XEN) as packed, open(path, "wb") as out:
            out.write(packed.read())
        yield "xen 4.17", {"hv": path, "hvargs": XEN_ARGS}, None
    else:
        yield "xen 4.17", None, "make deps DEPS=bench installs it"
    path = os.path.join(O, "vellum.elf")
    if os.path.exists(path):
        yield "vellum", {"hv": path}, None
    else:
        yield "vellum", None, f"{path} is not built"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("-n", type=int, default=3, help="rounds (default 3)")
    parser.add_argument("--smp", type=int, default=2)
    parser.add_argument("--mem", default="2G")
    parser.add_argument("--kargs", default="quiet")
    parser.add_argument("--timeout", type=float, default=120)
    parser.add_argument("--only", help="names, comma separated")
    parser.add_argument("--json", help="write the results to this file")
    args = parser.parse_args()

    chosen, times, failures = {}, {}, {}
    for name, machine, why in systems():
        if args.only and name not in args.only.split(","):
            continue
        if machine is None:
            print(f"{name}: left out, {why}")
            continue
        chosen[name], times[name] = machine, []
    for turn in range(args.n):
        for name, machine in chosen.items():
            log = f"bench-{name.replace(' ', '-')}-{turn}"
            with VM(log, smp=args.smp, mem=args.mem, kargs=args.kargs,
                    **machine) as vm:
                try:
                    times[name].append(round(vm.expect_marker(args.timeout), 3))
                except Timeout as error:
                    failures[name] = str(error).splitlines()[0]

    result = {"unit": "s", "smp": args.smp, "mem": args.mem, "systems": {}}
    base = statistics.median(times["bare"]) if times.get("bare") else None
    print(f"{'system':10} {'n':>2} {'min':>7} {'median':>7} {'max':>7}"
          "  of bare")
    for name, values in times.items():
        if not values:
            print(f"{name:10}  0  {failures.get(name, 'no result')}")
            continue
        median = statistics.median(values)
        ratio = median / base if base else None
        result["systems"][name] = {
            "n": len(values), "min": min(values), "median": median,
            "max": max(values), "ratio_to_bare": ratio, "all": values}
        print(f"{name:10} {len(values):2} {min(values):7.2f} {median:7.2f} "
              f"{max(values):7.2f}  " + (f"{ratio:.2f}" if ratio else "-"))
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump(result, file, indent=1)
            file.write("\n")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
