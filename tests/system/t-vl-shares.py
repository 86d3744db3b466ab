#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Weights and caps of guests that compute, as configurations give them: three on
one CPU, one with a cap that binds, the others with what is left in the ratio of
their weights. Nobody else runs on that CPU, so that it is never idle and the sum
of what "list" shows of them is the time that has passed: a busy host takes from
all of them alike, and from the clock between two commands more than is allowed.

VL_SECONDS=N measures so long (default 20)."""
import json
import os
import re

from control import STACK, Control, require_control
from vmrun import Tap

SECONDS = int(os.environ.get("VL_SECONDS", "20"))
LIMIT = 0.05  # of what is expected
GUESTS = {
    "light": {"cpu_weight": 256},
    "heavy": {"cpu_weight": 512},
    "capped": {"cpu_weight": 65535, "cap": 25},
}


def times(vm):
    """Seconds that each guest has run."""
    if STACK == "vl":
        _, lines = vm.vl("list --json")
        return {row["name"]: row["cpu_seconds"] for row in json.loads("".join(lines))
                if row["name"] in GUESTS}
    _, lines = vm.vl("list")
    return {line.split()[0]: float(line.split()[-1]) for line in lines
            if line.split()[0] in GUESTS}


def near(tap, value, wanted, name):
    tap.ok(abs(value - wanted) <= LIMIT * wanted, f"{name}: {value:.3f}, expected {wanted:.3f}",
           f"off by {100 * (value / wanted - 1):.1f} %")


def measured(tap, vm):
    before = times(vm)
    vm.run(f"sleep {SECONDS}", SECONDS + 30)
    after = times(vm)
    ran = {name: after[name] - before[name] for name in after}
    tap.note(", ".join(f"{name} {seconds:.2f} s" for name, seconds in ran.items()))
    return ran, sum(ran.values())


def shares(tap, vm):
    tap.equal(vm.vl("vcpu-pin Domain-0 all 0"), (0, []), "the control domain keeps off")
    for name, keys in GUESTS.items():
        vm.config(name, "spin", cpus="1", **keys)
    code, lines = vm.run("; ".join(f"{STACK} create -q /tmp/{name}.cfg" for name in GUESTS), 180)
    if not tap.equal((code, lines), (0, []), "three guests on one CPU"):
        return
    for name in GUESTS:
        vm.until_log(name, "GUEST-UP", 120)
    # Until each has come from its first line to its loop.
    vm.run("sleep 3")
    ran, passed = measured(tap, vm)
    near(tap, ran["heavy"] / ran["light"], 2, "weights 512 and 256, ratio of times")
    near(tap, ran["capped"] / passed, 0.25, "cap 25, part of a CPU")
    if STACK != "vl":
        return
    _, lines = vm.vl("sched-credit -d light -w 512; vl sched-credit -d capped -c 50; vl sched-credit")
    tap.ok(any(re.match(r"light +\d+ +512 +0", line) for line in lines) and
           any(re.match(r"capped +\d+ +65535 +50", line) for line in lines),
           "sched-credit changes both", "\n".join(lines))
    ran, passed = measured(tap, vm)
    near(tap, ran["heavy"] / ran["light"], 1, "weights 512 and 512, ratio of times")
    near(tap, ran["capped"] / passed, 0.5, "cap 50, part of a CPU")


def main():
    tap = require_control(Tap())
    with Control("vl-shares") as vm:
        tap.attempt("ready", vm.ready)
        tap.attempt("shares", shares, tap, vm)
        tap.ok("PANIC" not in vm.text, "no panic")
    tap.done()


if __name__ == "__main__":
    main()
