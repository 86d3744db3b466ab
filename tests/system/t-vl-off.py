#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Guests that are to be off, asked at awkward moments. "vl shutdown -w" waited for
ever for a guest whose kernel had taken the request while nobody was there to act on
it; it said "there is no guest" of one between two lives, which ran again a moment
later; and a guest that was rebooting anyway, or restarts whatever happens, ran on as
the machine went down."""
import re

from control import STACK, Control, require_control
from vmrun import Tap


def off(tap, vm, name, words, text, timeout=60):
    """Runs "shutdown WORDS"; nobody may be there afterwards."""
    code, lines = vm.vl(f"shutdown {words}", timeout)
    tap.ok(code == 0, text, "\n".join(lines))
    # What was there, if vld still takes it away, is no new life.
    vm.gone(name)
    vm.run("sleep 1")
    tap.equal(vm.names(), [], f"{name} is off, and stays so")
    return lines


def starting(tap, vm):
    """As its kernel has not begun to listen, and as it begins."""
    for wait in ("0", "0.3", "0.6"):
        vm.config("early")
        vm.create("early")
        vm.run(f"sleep {wait}")
        off(tap, vm, "early", "-w early", f"asked {wait} s after its creation")


def deaf(tap, vm):
    """The request is taken, and forgotten."""
    vm.config("deaf", script="deaf:5")
    vm.create("deaf")
    vm.until_log("deaf", "GUEST-DONE deaf deaf")
    lines = off(tap, vm, "deaf", "-w deaf", "asked while nobody acts on it", 120)
    tap.ok(any("is asked again" in line for line in lines), "it was asked again", lines)


def limited(tap, vm):
    """Nobody will ever act on it."""
    vm.config("stone", script="deaf:1000000")
    vm.create("stone")
    vm.until_log("stone", "GUEST-DONE stone deaf")
    code, lines = vm.vl("shutdown --limit=3 stone")
    tap.ok(code == 1 and re.match(r"vl: guest stone \(domain \d+\) has not ended within 3 s and "
                                  "is destroyed$", lines[-1]),
           "one that does not end is destroyed, and named", "\n".join(lines))
    vm.gone("stone")


def paused(tap, vm):
    vm.config("still")
    vm.create("still")
    vm.until_log("still", "GUEST-UP still")
    vm.vl("pause still")
    off(tap, vm, "still", "--for-good still", "one that is paused is let run")
    vm.config("never")
    vm.create("never", "-p")
    lines = off(tap, vm, "never", "-a --for-good", "one that has never run")
    tap.ok(any("is destroyed" in line for line in lines), "it is destroyed", lines)


def rebooting(tap, vm):
    """Asked for both at once, whichever it takes."""
    for number in range(3):
        name = f"both{number}"
        vm.config(name)
        vm.create(name)
        vm.until_log(name, f"GUEST-UP {name}")
        vm.vl(f"reboot {name}")
        off(tap, vm, name, f"-w {name}", "asked as it reboots", 90)


def between(tap, vm):
    """It has ended so soon that its next life waits."""
    # Soon is what takes longer on a host under load.
    vm.out("kill $(pidof vld); while pidof vld; do usleep 100000; done; vld -D --min-uptime=3600")
    vm.run("truncate -s 1M /tmp/lives.img")
    vm.config("cat", script="lives:9", disk=["file:/tmp/lives.img,xvda,w"])
    vm.create("cat")
    vm.until(f"{STACK} console --status cat | grep -q 'restarts in [2-9]'", 120,
             f"{STACK} console --status")
    lines = off(tap, vm, "cat", "cat", "asked between two lives")
    tap.equal(lines, ["Guest cat is not started anew"], "the next one is cancelled")
    vm.run("rm /tmp/lives.img")


def going_down(tap, vm):
    """As vellum-guests.service does it: whatever there is, and what it says."""
    vm.run("truncate -s 1M /tmp/lives.img")
    vm.config("cat", script="lives:9", disk=["file:/tmp/lives.img,xvda,w"])
    vm.config("again", on_poweroff="restart")
    vm.config("plain")
    for name in ("again", "plain", "cat"):
        vm.create(name)
    vm.until_log("again", "GUEST-UP again")
    off(tap, vm, "again", "-a --for-good --limit=60", "all, for good", 200)
    code, lines = vm.vl("console --status | grep restarts")
    tap.ok(code != 0, "nobody is to start anew", "\n".join(lines))
    code, lines = vm.vl("shutdown -a --for-good")
    tap.equal((code, lines), (0, []), "and with nobody there it is done at once")
    vm.run("rm /tmp/lives.img")


def main():
    tap = require_control(Tap())
    if STACK != "vl":
        print("1..0 # SKIP these are vl's own promises")
        return
    with Control("vl-off") as vm:
        tap.attempt("ready", vm.ready)
        before = tap.attempt("a first guest", vm.warm)
        for step in (starting, deaf, limited, paused, rebooting, between, going_down):
            tap.attempt(step.__name__, step, tap, vm)
            for name in vm.names():
                vm.vl(f"destroy {name}")
        if before:
            tap.attempt("after all", vm.same_resources, tap, before, "after all")
        tap.note(f"done after {vm.elapsed():.0f} s")
    tap.done()


if __name__ == "__main__":
    main()
