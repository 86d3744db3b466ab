#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Many guests at once: all are created at the same moment, all come up, all are
asked to shut down by one command, and everything is back.

VL_MANY=N guests (default 6); 96 MiB each."""
import os
import re

from control import GUEST_MIB, LOGS, STACK, Control, require_control
from vmrun import Tap

MANY = int(os.environ.get("VL_MANY", "6"))


def all_at_once(tap, vm):
    names = [f"m{n}" for n in range(1, MANY + 1)]
    vm.config("m", "dhcp", vif=["bridge=vlbr0"])
    vm.run(f"for n in $(seq {MANY}); do sed \"s/'m'/'m$n'/; s/gname=m /gname=m$n /\" "
           "/tmp/m.cfg > /tmp/m$n.cfg; done")
    code, lines = vm.run(f"for n in $(seq {MANY}); do ({STACK} create -q /tmp/m$n.cfg || "
                         "echo failed $n) & done; wait", 60 + 15 * MANY)
    tap.equal(lines, [], f"{MANY} guests created at once, {vm.elapsed():.0f} s from the start")
    tap.equal(sorted(vm.names()), sorted(names), "each is listed once")
    for name in names:
        vm.until_log(name, "GUEST-IP", 30 + 10 * MANY)
    tap.ok(True, f"each has an address, {vm.elapsed():.0f} s from the start")
    for name in names:
        vm.until_log(name, "^# ", 60)
    _, lines = vm.vl("list")
    tap.equal(sorted(line.split()[0] for line in lines
                     if re.search(r" (r-|-b|--)---- ", line) and line.split()[1] != "0"),
              sorted(names), f"each is at its shell, {vm.elapsed():.0f} s from the start")
    if STACK == "vl":
        tap.note(vm.out("vlstate; free -m | grep Mem").replace("\n", "; "))
    addresses = vm.out(f"grep -h GUEST-IP {LOGS}/guest-m*.log | cut -d ' ' -f 3 | sort -u")
    tap.equal(len(addresses.split()), MANY, "no two have the same")
    code, lines = vm.run("for a in " + " ".join(addresses.split()) +
                         "; do ping -c 1 -W 5 $a > /dev/null || echo $a; done", 120)
    tap.equal(lines, [], "all answer")
    code, lines = vm.vl("shutdown -a -w", 60 + 10 * MANY)
    # It has waited for their ends; vld takes away what is left of them, some at a time.
    vm.gone(*names)
    tap.equal((code, vm.names()), (0, []),
              f"shutdown -a -w ends all, {vm.elapsed():.0f} s from the start")


def main():
    tap = require_control(Tap())
    with Control("vl-many", mem=f"{1024 + MANY * (GUEST_MIB + 8)}M") as vm:
        tap.attempt("ready", vm.ready)
        before = tap.attempt("a first guest", vm.warm)
        tap.attempt("all at once", all_at_once, tap, vm)
        for name in vm.names():
            vm.vl(f"destroy {name}")
        if before:
            tap.attempt("after all", vm.same_resources, tap, before, "after all")
    tap.done()


if __name__ == "__main__":
    main()
