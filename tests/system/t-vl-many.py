#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Many guests at once: all are created at the same moment, all come up, all are
asked to shut down by one command, and everything is back.

Fifty guests leave a frame less than before, which is no leak: the core keeps its
tables of the control domain's ports and mappings as large as they were at most,
and uses them again. So there may be as many frames less as these tables must have
grown by, and then as many guests again take nothing more.

VL_MANY=N guests (default 10); 96 MiB each."""
import os
import re

from control import GUEST_MIB, LOGS, STACK, Control, require_control
from vmrun import Tap

MANY = int(os.environ.get("VL_MANY", "10"))
PACKETS = 8  # of one guest, whose memory the control domain maps at the same time
TURNS = 3


def port_frames(ports):
    """The core's table when so many are open at once, and none is number 0: 128
    fit a frame, and it doubles. See tests/unit/core/evtchn_test.c."""
    frames = 1
    while ports >= 128 * frames:
        frames *= 2
    return frames


def mapping_frames(mappings):
    """341 fit a frame. See tests/unit/core/gnttab_life_test.c."""
    return -(-mappings // 341)


def all_at_once(tap, vm):
    """Returns how many ports the control domain had then."""
    # What the last ones of these names wrote.
    vm.run(f"rm -f {LOGS}/guest-m*.log")
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
    ports = 0
    if STACK == "vl":
        state = vm.out("vlstate; free -m | grep Mem")
        tap.note(state.replace("\n", "; "))
        ports = int(re.search(r"^control-ports (\d+)", state, re.M).group(1))
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
    return ports


def until_nothing_grows(tap, vm, before):
    """Once all are gone everything is as before, but for those tables, whose size
    settles: the number of mappings differs a little from time to time."""
    for turn in range(1, TURNS + 1):
        ports = tap.attempt(f"all at once, {turn}", all_at_once, tap, vm)
        for name in vm.names():
            vm.vl(f"destroy {name}")
        more_ports = port_frames(ports or 0) - port_frames(before.get("control-ports", 0))
        # Each has four that stay: console, store, two rings; and some packets on their way.
        more = more_ports + mapping_frames(MANY * (4 + PACKETS)) - 1 if turn == 1 else 1
        grown = vm.same_resources(tap, before, f"after {turn}", tables=max(more, 0))
        if turn == 1 and ports:
            tap.ok(grown >= more_ports, f"{grown} frames less, {more_ports} of them for "
                   f"{ports} ports of the control domain")
        if not grown or ports is None:
            return
        before["free-frames"] -= grown
    tap.ok(False, f"{TURNS} times as many guests, and each time they leave less")


def main():
    tap = require_control(Tap())
    with Control("vl-many", mem=f"{1024 + MANY * (GUEST_MIB + 8)}M") as vm:
        tap.attempt("ready", vm.ready)
        before = tap.attempt("a first guest", vm.warm)
        if before:
            tap.attempt("after all", until_nothing_grows, tap, vm, before)
    tap.done()


if __name__ == "__main__":
    main()
