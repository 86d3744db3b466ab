#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What goes wrong while guests run: kernels that panic, run out of memory or are
stopped by the core, whose reasons must be shown; daemons that are killed or do
not run; vl killed while it creates a guest. The next command works, and nothing
may be left at the end.

VL_KILLS=N kills create so often (default 6)."""
import os
import random

from control import LOGS, STACK, Control, require_control
from vmrun import Tap

KILLS = int(os.environ.get("VL_KILLS", "6"))


def died(vm, name):
    vm.until(f"{STACK} list {name} | grep -q -- '---sc-'", 90,
             f"{STACK} list; tail -n 5 {LOGS}/guest-{name}.log")


def reasons(tap, vm):
    """on_crash=preserve: the dead are looked at."""
    for name, script, said in (("panic", "panic", "Kernel panic - not syncing: sysrq"),
                               ("oom", "oom", "Kernel panic - not syncing: Out of memory")):
        vm.config(name, script, on_crash="preserve")
        vm.create(name)
        died(vm, name)
        tap.ok(any(said in line for line in vm.guest_log(name)),
               f"{name}: the log has the kernel's last words", "\n".join(vm.guest_log(name)[-8:]))
        _, lines = vm.vl(f"list -v {name}")
        tap.ok(any("3" in line.split() for line in lines[1:]),
               f"{name}: list -v shows the reason's number", "\n".join(lines))
        vm.vl(f"destroy {name}")
    if STACK != "vl":
        return
    for word, said in (("no-handler", "no handler for exception 6"),
                       ("wild-stack", "stack")):
        vm.config("wild", kernel="/boot/crash.elf", ramdisk=None, memory=16,
                  on_crash="preserve")
        vm.write("/tmp/wild.cfg", [line if not line.startswith("extra") else
                                   f"extra = '{word}'" for line in
                                   vm.out("cat /tmp/wild.cfg").splitlines()])
        vm.create("wild")
        died(vm, "wild")
        _, lines = vm.vl("list -v wild")
        _, log = vm.vl(f"dmesg | grep -a '{said}'")
        tap.ok(any(said in line for line in vm.guest_log("wild") + lines),
               f"stopped by the core ({word}): list -v or the log say why",
               "\n".join(lines + vm.guest_log("wild")[-5:]))
        tap.ok(any(said in line for line in log), f"{word}: and so does dmesg")
        vm.vl("destroy wild")


def restarts(tap, vm):
    vm.config("again", "panic", on_crash="restart")
    vm.create("again")
    vm.until(f"[ $(grep -c GUEST-UP {LOGS}/guest-again.log) -ge 2 ]", 120,
             f"tail {LOGS}/guest-again.log")
    tap.ok(True, "on_crash=restart: it comes again")
    vm.until(f"{STACK} destroy again", 20)
    vm.gone("again")


def no_daemons(tap, vm):
    """A sentence each, no hanging."""
    vm.out("kill $(pidof vld) $(pidof vl-stored); sleep 1")
    code, lines = vm.vl("list", 20)
    tap.ok(code == 0 or len(lines) == 1, "without daemons, list: "
           + " ".join(lines[-1:]), "\n".join(lines))
    vm.config("none")
    code, lines = vm.vl("create -q /tmp/none.cfg", 60)
    tap.ok(code != 0 and len(lines) == 1, "without daemons, create: "
           + " ".join(lines[-1:]), "\n".join(lines))
    code, lines = vm.vl("console Domain-0", 20)
    tap.ok(code != 0 and len(lines) == 1, "without daemons, console: "
           + " ".join(lines[-1:]), "\n".join(lines))
    vm.run("vl-stored -D; vld -D; sleep 1")


def killed_daemons(tap, vm):
    """kill -9 while a guest runs; both come back and know it."""
    vm.config("stays", "dhcp", vif=["bridge=vlbr0"])
    vm.create("stays")
    vm.until_log("stays", "GUEST-DONE stays dhcp", 90)
    nodes = vm.out("xenstore-ls -f / | wc -l")
    vm.out("kill -9 $(pidof vld); sleep 0.5; vld -D")
    vm.console("stays")
    vm.type("echo after-$((1 + 1))", "after-2")
    vm.leave()
    tap.ok(True, "vld killed and started again: the console works")
    vm.out("kill -9 $(pidof vl-stored); sleep 0.5; vl-stored -D; sleep 1")
    tap.equal(vm.out("xenstore-ls -f / | wc -l"), nodes,
              "vl-stored killed and started again: no node is lost")
    # vld's connection ended with the daemon.
    vm.run("pidof vld || vld -D; sleep 1")
    vm.console("stays")
    vm.type("echo still-$((2 + 2))", "still-4")
    vm.leave()
    code, lines = vm.run(f"timeout 60 {STACK} shutdown -w stays 2>&1", 90)
    _, more = vm.run(f"{STACK} list; tail -n 8 {LOGS}/vld.log {LOGS}/guest-stays.log")
    tap.ok(code == 0 and not vm.names(),
           "a guest from before is shut down through the new daemon", "\n".join(lines + more))


def killed_create(tap, vm):
    chosen = random.Random(7)
    for turn in range(KILLS):
        vm.run(f"dd if=/dev/zero of=/tmp/kill.img bs=1M count=1 2>/dev/null")
        vm.config("killed", disk=["file:/tmp/kill.img,xvda,w"], vif=["bridge=vlbr0"])
        delay = chosen.randrange(20, 1500) * 1000
        vm.run(f"{STACK} create -q /tmp/killed.cfg > /dev/null 2>&1 & usleep {delay}; "
               "kill -9 $!; wait", 30)
        code, lines = vm.create("killed")
        if code != 0 and any("killed" in line for line in lines):
            # It had come so far that the guest is there.
            code = 0 if "killed" in vm.names() else code
        ok = tap.ok(code == 0, f"create killed after {delay // 1000} ms: the next one works",
                    "\n".join(lines))
        vm.vl("destroy killed")
        if not ok:
            break
    tap.equal(vm.names(), [], "no guest is left")


def main():
    tap = require_control(Tap())
    with Control("vl-faults") as vm:
        tap.attempt("ready", vm.ready)
        before = tap.attempt("a first guest", vm.warm)
        steps = (reasons, restarts, no_daemons, killed_daemons, killed_create)
        for step in steps if STACK == "vl" else (reasons, restarts):
            tap.attempt(step.__name__, step, tap, vm)
            for name in vm.names():
                vm.vl(f"destroy {name}")
        if before:
            tap.attempt("after all", vm.same_resources, tap, before, "after all")
        tap.ok("PANIC" not in vm.text, "no panic")
    tap.done()


if __name__ == "__main__":
    main()
