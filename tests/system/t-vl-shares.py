#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Weights and caps of guests that compute, as configurations give them: three on
one CPU, one with a cap that binds, the others with what is left in the ratio of
their weights. Nobody else runs on that CPU, so that it is never idle and the sum
of what "list" shows of them is the time that has passed: a busy host takes from
all of them alike, and from the clock between two commands more than is allowed.
What a busy host takes at once, of whoever runs then, counts as two slices at most:
so it is measured up to three times, until what is expected is seen.

VL_SECONDS=N measures so long (default 20)."""
import json
import os
import re

from control import STACK, Control, require_control
from vmrun import Tap

SECONDS = int(os.environ.get("VL_SECONDS", "20"))
LIMIT = 0.05  # of what is expected
TIMES = 3
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


def measured(vm):
    """The ratio of the two with weights, and the part that the third has."""
    before = times(vm)
    vm.run(f"sleep {SECONDS}", SECONDS + 30)
    after = times(vm)
    ran = {name: after[name] - before[name] for name in after}
    return (", ".join(f"{name} {seconds:.2f} s" for name, seconds in ran.items()),
            ran["heavy"] / ran["light"], ran["capped"] / sum(ran.values()))


def is_near(value, wanted):
    return abs(value - wanted) <= LIMIT * wanted


def expect(tap, vm, wanted_ratio, wanted_part):
    for _ in range(TIMES):
        text, ratio, part = measured(vm)
        tap.note(text)
        if is_near(ratio, wanted_ratio) and is_near(part, wanted_part):
            break
    tap.ok(is_near(ratio, wanted_ratio),
           f"weights, ratio of times: {ratio:.3f}, expected {wanted_ratio}")
    tap.ok(is_near(part, wanted_part), f"cap, part of a CPU: {part:.3f}, expected {wanted_part}")


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
    expect(tap, vm, 2, 0.25)
    if STACK != "vl":
        return
    _, lines = vm.vl("sched-credit -d light -w 512; vl sched-credit -d capped -c 50; vl sched-credit")
    tap.ok(any(re.match(r"light +\d+ +512 +0", line) for line in lines) and
           any(re.match(r"capped +\d+ +65535 +50", line) for line in lines),
           "sched-credit changes both", "\n".join(lines))
    expect(tap, vm, 1, 0.5)


def main():
    tap = require_control(Tap())
    with Control("vl-shares") as vm:
        tap.attempt("ready", vm.ready)
        tap.attempt("shares", shares, tap, vm)
        tap.ok("PANIC" not in vm.text, "no panic")
    tap.done()


if __name__ == "__main__":
    main()
