#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Guests under Vellum's toolstack beside Debian's Xen 4.17 with xl.

The same control domain's kernel and initramfs (with both toolstacks in it), the
same guests, the same QEMU line; each scenario runs on one system after the
other. What is measured stands in toolstack/scenario. Each row has its goal, a
part of Xen's figure, and whether it is met. What a guest's own kernel does is
measured on the bare machine as well, and its goal is a part of what Xen adds to
that. Instructions are counted by QEMU with one CPU; times are of a machine with
two. Nothing passes or fails by time; the exit status is 1 only if a measurement
is missing.
"""
import argparse
import glob
import gzip
import json
import os
import re
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
SYSTEM = os.path.join(HERE, "../system")
sys.path.insert(0, SYSTEM)
from vmrun import O, RUN, VM, Timeout  # noqa: E402  (path set above)

PARTS = os.path.join(HERE, "toolstack")
CONTROL = os.path.join(SYSTEM, "control")
ABI, TOOLSTACK = (os.path.join(HERE, "../..", name) for name in ("abi", "toolstack"))
XEN = "/boot/xen-4.17-amd64.gz"
XEN_BIN = "/usr/lib/xen-4.17/bin"
# QEMU's lazily switched SSE state leaks between domains: hence eager-fpu.
XEN_ARGS = "spec-ctrl=eager-fpu"
COUNTING = {"accel": "tcg,thread=single", "smp": 1,
            "qargs": ["-icount", "shift=0,sleep=off"]}
# The guests' unpacked kernel: as a disk, because it would make the control
# domain's initramfs ten times as large.
ELF_DISK = ["-drive", f"file={RUN}/vmlinux,format=raw,if=virtio,readonly=on"]
TOOLS = {"xen": "xl", "vellum": "vl"}
SYSTEMS = ("bare", *TOOLS)
GUEST_MIB = 96
NOISE = 1.02  # a row that equals its goal within this has met it

MODULES = ("xenfs xen-privcmd xen-evtchn xen-gntdev xen-gntalloc xen-blkback "
           "xen-netback bridge loop brd virtio_pci virtio_blk nf_tables nft_chain_nat nft_masq")
XEN_PROGRAMS = [f"{XEN_BIN}/{name}" for name in
                ("xl", "oxenstored", "xen-init-dom0", "xenconsoled")]
PROGRAMS = ["bash", "dnsmasq", "flock", "nft", "ip",
            *(f"xenstore-{verb}" for verb in
              "chmod exists list ls read rm watch write".split())]

# Pattern of a row, its goal as part of Xen's figure.
GOALS = ((r"create-vmlinuz-\d+-return", .1), (r"create-(vmlinux-)?\d+(-return)?", 1 / 3),
         (r"(list|destroy)-\d+", .2), (r"guest-overhead", .5), (r"control-overhead", .1),
         (r"smallest", 64 / 88), (r"(blk|net)-guest-.*", .8),
         (r"store-[a-z]+-\d+", 1))
# The same of what it adds to the bare machine's, of instructions alone.
BARE_GOALS = ((r"rows-(?!spin).*", .5),)
# A quotient of two rows: its name, the rows, and what Vellum's stays below.
GROWTH = (("create-50-to-1", "create-50", "create-1", 1.1),)


def which(name):
    path = os.environ["PATH"] + ":/usr/sbin:/sbin"
    return subprocess.run(["sh", "-c", f"command -v {name}"], check=True, text=True,
                          env={**os.environ, "PATH": path},
                          stdout=subprocess.PIPE).stdout.strip()


def compile_program(name, *sources):
    path = os.path.join(RUN, name)
    subprocess.run([os.environ.get("CC", "gcc"), "-O2", "-static", "-D_GNU_SOURCE",
                    "-Wall", "-Wextra", "-Wshadow", "-Werror", "-I", ABI,
                    "-I", TOOLSTACK, "-o", path, *sources], check=True)
    return path


def make_initrd(out, init, files, programs=(), modules=""):
    subprocess.run([os.path.join(SYSTEM, "mkinitramfs.sh"), "-o", out, "-i", init,
                    "-k", os.path.join(RUN, "modules"),
                    *(word for file in files for word in ("-f", file)),
                    *(word for path in programs for word in ("-l", path)),
                    *(word for name in modules.split() for word in ("-m", name))],
                   check=True)


def build(systems):
    """Both initramfs; paths of the control domain's and of the guests'."""
    mark, blk, net = (
        compile_program(program, os.path.join(PARTS, source)) for program, source
        in (("mark", "mark.c"), ("bench-blk", "blk.c"), ("bench-net", "net.c")))
    rows = compile_program("rows", os.path.join(HERE, "rows.c"),
                           os.path.join(HERE, "hv_rows.c"))
    store = compile_program("bench-store", os.path.join(PARTS, "store.c"),
                            os.path.join(HERE, "store_client.c"),
                            os.path.join(O, "libvellum.a"))
    end = os.path.join(CONTROL, "guest-end")
    guest = os.path.join(RUN, "initrd-bench-guest.gz")
    make_initrd(guest, os.path.join(CONTROL, "guest-init"),
                [blk, net, rows, f"{end}:/sbin/poweroff", f"{end}:/sbin/reboot"],
                modules="xen-blkfront xen-netfront")
    files = [mark, blk, net, rows, store, f"{guest}:/boot/initrd-guest.gz",
             f"{RUN}/vmlinuz:/boot/vmlinuz",
             os.path.join(PARTS, "scenario"), os.path.join(CONTROL, "start"),
             os.path.join(TOOLSTACK, "network/vl-network")]
    programs = [which(name) for name in PROGRAMS]
    if "xen" in systems:
        # What ends xl's threads is loaded as it is needed.
        gcc = subprocess.run([os.environ.get("CC", "gcc"), "-print-file-name=libgcc_s.so.1"],
                             check=True, text=True, stdout=subprocess.PIPE).stdout.strip()
        files += ["/etc/xen:/etc/xen", f"{gcc}:/lib/x86_64-linux-gnu/libgcc_s.so.1"]
        programs += XEN_PROGRAMS
    if "vellum" in systems:
        programs += sorted(glob.glob(os.path.join(O, "bin", "vl*")))
    control = os.path.join(RUN, "initrd-toolstack.gz")
    make_initrd(control, os.path.join(SYSTEM, "init"), files, programs, MODULES)
    return control, guest


def machines(args):
    """Name and VM arguments of each system that is there."""
    result = {}
    if os.path.exists(XEN) and os.path.exists(XEN_PROGRAMS[0]):
        path = os.path.join(RUN, "xen-4.17")
        with gzip.open(XEN) as packed, open(path, "wb") as out:
            out.write(packed.read())
        result["xen"] = {"hv": path, "hvargs": XEN_ARGS}
    else:
        print("xen: left out, make deps DEPS=bench installs it")
    result["vellum"] = {"hv": args.vellum}
    return {name: machine for name, machine in result.items()
            if name in args.systems.split(",")}


class Bench:
    def __init__(self, args):
        self.args = args
        self.systems = machines(args)
        self.initrd, self.guest = build(self.systems)
        self.data = {}      # [kind][row][system] = list of values
        self.failures = []

    def put(self, kind, row, system, value):
        self.data.setdefault(kind, {}).setdefault(row, {}) \
            .setdefault(system, []).append(float(value))

    def scenario(self, kind, name, *words, timeout=600, **machine):
        """One scenario on each system; kind is "instructions" or "wall"."""
        if not re.search(self.args.only, f"{kind}-{name}"):
            return
        for system, base in self.systems.items():
            line = "quiet vlscript=/bin/scenario vlargs=" + \
                ":".join((TOOLS[system], name, *map(str, words)))
            more = {**base, **machine}
            more["qargs"] = ELF_DISK + more.get("qargs", [])
            with VM(f"toolstack-{kind}-{name}-{system}", initrd=self.initrd,
                    kargs=line, hv_base="com1=115200,8n1 console=com1 "
                    "loglvl=warning", **more) as vm:
                try:
                    vm.expect(r"SCENARIO-DONE", timeout)
                except Timeout as error:
                    self.failures.append(f"{kind} {name} {system}: {error}"
                                         .split("\n", maxsplit=1)[0])
                self.collect(kind, name, system, vm.text)

    def bare_rows(self, kind, divisor, **machine):
        """The guest's rows in the same kernel and initramfs without a hypervisor."""
        if not re.search(self.args.only, f"{kind}-rows"):
            return
        line = f"quiet gname=rows gscript=rows:-d:{divisor}"
        with VM(f"toolstack-{kind}-rows-bare", hv=None, initrd=self.guest,
                kargs=line, **machine) as vm:
            try:
                vm.expect(r"ROWS done", 1200)
            except Timeout as error:
                self.failures.append(f"{kind} rows bare: {error}"
                                     .split("\n", maxsplit=1)[0])
            for row, value in re.findall(
                    r"^ROW (\w+) [\d.]+ ([\d.]+) [\d.]+", vm.text, re.M):
                self.put(kind, f"rows-{row}", "bare", value)

    def collect(self, kind, name, system, text):
        for what in re.findall(r"^MISSING (.*)", text, re.M):
            self.failures.append(f"{kind} {name} {system}: {what}")
        prefix = "rows-" if name == "rows" else ""
        for row, value in re.findall(r"^ROW (\S+) (\d+(?:\.\d+)?)\s*$", text, re.M):
            self.put(kind, prefix + row, system, value)
        for what, label, rest in re.findall(r"^(BLK|NET) (\w+) (.*)", text, re.M):
            words = rest.split()
            for row, value in zip(words[::2], words[1::2]):
                self.put(kind, f"{what.lower()}-{label}-{row}", system, value)

    def overheads(self):
        """KiB for each guest beyond its own memory, from the free memory at the
        first and the last point."""
        rows = self.data.get("wall", {})
        for place, own in (("hypervisor", GUEST_MIB * 1024), ("control", 0)):
            names = sorted((name for name in rows if
                            name.startswith(f"free-{place}-")),
                           key=lambda name: int(name.rsplit("-", 1)[1]))
            if len(names) < 2:
                continue
            count = int(names[-1].rsplit("-", 1)[1])
            for system in self.systems:
                if system in rows[names[0]] and system in rows[names[-1]]:
                    used = rows[names[0]][system][0] - rows[names[-1]][system][0]
                    self.put("KiB", f"{'guest' if own else 'control'}-overhead",
                             system, used / count - own)


def number(value):
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.2f}"


def goal_of(kind, name, bare, xen):
    """A row's goal, or None."""
    if xen is None:
        return None
    for pattern, part in GOALS:
        if re.fullmatch(pattern, name):
            return part * xen
    for pattern, part in BARE_GOALS:
        if kind == "instructions" and bare is not None and \
                re.fullmatch(pattern, name):
            return bare + part * (xen - bare)
    return None


def line(name, values, goal, noise=NOISE):
    """Prints a row; what the file of results says of it."""
    vellum = values["vellum"]
    verdict = "" if goal is None or vellum is None else \
        "met" if vellum <= goal * noise else "MISSED"
    print(f"{name:32}" + "".join(f"{number(values[s]):>14}" for s in SYSTEMS) +
          f"{number(goal):>14}  {verdict}")
    return {**values, "goal": goal, "verdict": verdict}


def head(title):
    print(f"\n{title}\n{'':32}" + "".join(f"{s:>14}" for s in (*SYSTEMS, "goal")))


def medians(row):
    return {s: statistics.median(row[s]) if s in row else None for s in SYSTEMS}


def report(bench):
    out = {}
    for kind, rows in bench.data.items():
        head(f"{kind}, median")
        for name in rows:
            if name.startswith("free-"):
                continue
            values = medians(rows[name])
            out[f"{kind} {name}"] = line(
                name, values, goal_of(kind, name, values["bare"], values["xen"]))
    rows = bench.data.get("instructions", {})
    growths = [growth for growth in GROWTH if growth[1] in rows and growth[2] in rows]
    if growths:
        head("instructions, quotient")
    for name, many, one, below in growths:
        above, under = medians(rows[many]), medians(rows[one])
        values = {s: above[s] / under[s] if above[s] and under[s] else None
                  for s in SYSTEMS}
        out[f"quotient {name}"] = line(name, values, below, noise=1)
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--points", default="1,10,25,50,70",
                        help="numbers of guests (default 1,10,25,50,70)")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--only", default="", help="regular expression of KIND-SCENARIO: "
                        "instructions-paused, wall-scale, ...-block, network, rows, "
                        "store, wall-smallest")
    parser.add_argument("--systems", default="xen,vellum")
    parser.add_argument("--vellum", default=os.path.join(O, "vellum.elf"))
    parser.add_argument("--json", help="write everything to this file")
    args = parser.parse_args()

    bench = Bench(args)
    points = [int(word) for word in args.points.split(",")]
    bench.scenario("instructions", "paused", GUEST_MIB, args.turns,
                   *[n for n in (1, 2, 10, 50) if n <= points[-1]],
                   mem="8G", timeout=1800, **COUNTING)
    bench.scenario("instructions", "block", ".05", **COUNTING)
    bench.scenario("instructions", "network", 2000, 16, **COUNTING)
    bench.bare_rows("instructions", 1, **COUNTING)
    bench.scenario("instructions", "rows", 1, timeout=1200, **COUNTING)
    bench.scenario("instructions", "store", "cost", 512, timeout=1200, **COUNTING)
    bench.scenario("wall", "block", 2)
    bench.scenario("wall", "network", 2000, 128)
    bench.bare_rows("wall", 4)
    bench.scenario("wall", "rows", 4, timeout=1200)
    bench.scenario("wall", "store", "rate", 256, timeout=1200)
    bench.scenario("wall", "smallest", 4, timeout=2400)
    bench.scenario("wall", "scale", GUEST_MIB, args.turns, *points, mem="12G",
                   timeout=3600)
    bench.overheads()
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
